package sqlite

import (
	"bytes"
	"context"
	stdsql "database/sql"
	"fmt"
	"math"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store/audit"
)

// Checks implements [audit.Source].
func (a *Audit) Checks(bound string) ([]audit.Check, error) {
	var last int64
	if err := audit.Decode(bound, &last); err != nil {
		return nil, err
	}
	events := func(ctx context.Context) (int64, error) {
		events, _, err := a.sizes(ctx)
		return events, err
	}
	topics := func(ctx context.Context) (int64, error) {
		_, topics, err := a.sizes(ctx)
		return topics, err
	}
	return []audit.Check{
		{Name: "identities", Title: "each identity has its event", Total: events, Next: func(ctx context.Context, after string, limit int) (audit.Page, error) {
			return a.identities(ctx, after, last, limit)
		}},
		{Name: "events", Title: "each event has its identity, the digest of its content, and its time", Total: events, Next: func(ctx context.Context, after string, limit int) (audit.Page, error) {
			return a.events(ctx, after, last, limit)
		}},
		{Name: "topics", Title: "the counters of each topic are the number of its identities", Total: topics, Next: a.topics},
		{Name: "duplicates", Title: "each report of duplicates has its identity", Next: a.reports},
		{Name: "totals", Title: "the totals are the sums over the topics", Next: a.totals},
	}, nil
}

// identityPosition is a position in the order of identities.
type identityPosition struct {
	Topic int64  `json:"t"`
	Blob  bool   `json:"b"`
	Key   []byte `json:"k"`
}

// key returns the key as a parameter.
func (p identityPosition) key() any {
	if p.Blob {
		return p.Key
	}
	return string(p.Key)
}

func positionOf(topic int64, key any) identityPosition {
	switch key := key.(type) {
	case []byte:
		return identityPosition{Topic: topic, Blob: true, Key: key}
	case string:
		return identityPosition{Topic: topic, Key: []byte(key)}
	default:
		return identityPosition{Topic: topic, Key: fmt.Append(nil, key)}
	}
}

// identities compares identities with the events at their ids.
func (a *Audit) identities(ctx context.Context, after string, last int64, limit int) (page audit.Page, err error) {
	at := identityPosition{Topic: math.MinInt64}
	if err := audit.Decode(after, &at); err != nil {
		return page, err
	}
	err = a.auditRows(ctx, "identities", func(from row) error {
		var (
			number, id int64
			key, found any
			foundTopic stdsql.NullInt64
			topic      stdsql.NullString
			dropped    bool
		)
		if err := from.Scan(&number, &key, &id, &foundTopic, &found, &topic, &dropped); err != nil {
			return err
		}
		page.Rows++
		at = positionOf(number, key)
		difference := audit.Difference{Topic: nameOf(topic, number), ID: readable(key)}
		switch {
		case !topic.Valid:
			difference.Kind, difference.Detail = audit.UnknownTopic, fmt.Sprintf("no topic has the number %d of an identity", number)
		case !foundTopic.Valid && dropped:
			return nil
		case !foundTopic.Valid:
			difference.Kind, difference.Detail = audit.IdentityWithoutEvent, fmt.Sprintf("no event has the id %d", id)
		case foundTopic.Int64 != number || !equalKeys(key, found):
			difference.Kind = audit.IdentityWithoutEvent
			difference.Detail = fmt.Sprintf("the event with the id %d has the key %s of topic number %d", id, readable(found), foundTopic.Int64)
		default:
			return nil
		}
		page.Found = append(page.Found, difference)
		return nil
	}, at.Topic, at.key(), last, limit)
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	return page, err
}

// auditedEvent is a row of audit_events.sql.
type auditedEvent struct {
	id, number, occurred, created int64
	key                           any
	source, payload               string
	topic                         stdsql.NullString
	identity, oldest, newest      stdsql.NullInt64
	digest                        []byte
}

func (e *auditedEvent) scan(from row) error {
	return from.Scan(&e.id, &e.number, &e.key, &e.occurred, &e.source, &e.payload, &e.created,
		&e.topic, &e.identity, &e.digest, &e.oldest, &e.newest)
}

// events compares events with their identities, and their contents with the digests.
func (a *Audit) events(ctx context.Context, after string, last int64, limit int) (page audit.Page, err error) {
	at := int64(math.MinInt64)
	if err := audit.Decode(after, &at); err != nil {
		return page, err
	}
	err = a.auditRows(ctx, "events", func(from row) error {
		var e auditedEvent
		if err := e.scan(from); err != nil {
			return err
		}
		page.Rows++
		at = e.id
		if kind, detail := a.compare(&e); kind != "" {
			page.Found = append(page.Found, audit.Difference{Kind: kind, Topic: nameOf(e.topic, e.number), ID: readable(e.key), Detail: detail})
		}
		return nil
	}, at, last, limit)
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	return page, err
}

// compare returns what is wrong with an event, or an empty kind.
func (a *Audit) compare(e *auditedEvent) (kind audit.Kind, detail string) {
	switch {
	case !e.topic.Valid:
		return audit.UnknownTopic, fmt.Sprintf("no topic has the number %d of the event with the id %d", e.number, e.id)
	case !e.identity.Valid:
		return audit.EventWithoutIdentity, fmt.Sprintf("no identity has the key of the event with the id %d", e.id)
	case e.identity.Int64 != e.id:
		return audit.EventTwice, fmt.Sprintf("the key belongs to the event with the id %d, and the event with the id %d has it, too", e.identity.Int64, e.id)
	case !e.oldest.Valid || e.created < e.oldest.Int64 || e.created > e.newest.Int64:
		return audit.OrderDiffers, fmt.Sprintf("created_at of the event with the id %d is outside of the times of its block in event_times", e.id)
	}
	content := a.digests.Of(&event.Event{Timestamp: timeOf(e.occurred), Source: e.source, Payload: e.payload})
	if !bytes.Equal(content[:], e.digest) {
		return audit.DigestDiffers, fmt.Sprintf("the identity has the digest %x, the content of the event with the id %d has %x", e.digest, e.id, content)
	}
	return "", ""
}

// topics compares the counters of topics with their identities.
func (a *Audit) topics(ctx context.Context, after string, limit int) (page audit.Page, err error) {
	at := int64(math.MinInt64)
	if err := audit.Decode(after, &at); err != nil {
		return page, err
	}
	limit = min(limit, topicsPerPage)
	err = a.auditRows(ctx, "topics", func(from row) error {
		var (
			t                                             counts
			firstSeen, lastSeen, identities, kept, events int64
			dropped                                       bool
		)
		if err := from.Scan(&t.number, &t.topic, &t.stored, &t.duplicates, &t.conflicts, &firstSeen, &lastSeen, &dropped,
			&identities, &kept, &events); err != nil {
			return err
		}
		page.Rows++
		at = t.number
		add := func(format string, arguments ...any) {
			page.Found = append(page.Found, audit.Difference{Kind: audit.CounterDiffers, Topic: t.topic, Detail: fmt.Sprintf(format, arguments...)})
		}
		if !dropped && t.stored != identities || t.stored < identities {
			add("the counter says %d stored events, there are %d identities", t.stored, identities)
		}
		if kept != events {
			add("there are %d identities and %d events that retention has not dropped", kept, events)
		}
		if t.duplicates < 0 || t.conflicts < 0 || t.conflicts > t.duplicates {
			add("%d conflicts of %d duplicates are not possible", t.conflicts, t.duplicates)
		}
		if firstSeen > lastSeen {
			add("first_seen is after last_seen")
		}
		return nil
	}, at, limit)
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	return page, err
}

// topicsPerPage bounds the time of a page. Each topic can have many identities.
const topicsPerPage = 100

// totals compares the totals with the sums over the topics.
func (a *Audit) totals(ctx context.Context, _ string, _ int) (page audit.Page, err error) {
	add := func(format string, arguments ...any) {
		page.Found = append(page.Found, audit.Difference{Kind: audit.CounterDiffers, Detail: fmt.Sprintf(format, arguments...)})
	}
	err = a.auditRows(ctx, "totals", func(from row) error {
		var total, sum counts
		var topics, lastID, counted, lastTopic, newest, kept, events, dropped int64
		var oldest stdsql.NullInt64
		if err := from.Scan(&total.stored, &total.duplicates, &total.conflicts, &topics, &lastID,
			&sum.stored, &sum.duplicates, &sum.conflicts, &counted, &lastTopic, &newest,
			&kept, &events, &dropped, &oldest); err != nil {
			return err
		}
		page.Rows++
		for _, c := range []struct {
			name       string
			total, sum int64
		}{
			{"stored events", total.stored, sum.stored}, {"duplicates", total.duplicates, sum.duplicates},
			{"conflicts", total.conflicts, sum.conflicts}, {"topics", topics, counted},
		} {
			if c.total != c.sum {
				add("the total says %d %s, the topics have %d", c.total, c.name, c.sum)
			}
		}
		if kept != events {
			add("the total says %d events that retention has not dropped, there are %d", kept, events)
		}
		if oldest.Valid && oldest.Int64 <= dropped {
			add("there is an event with the id %d, and those up to %d are said to be dropped", oldest.Int64, dropped)
		}
		if lastTopic > topics {
			add("a topic has the number %d, the next one would get %d", lastTopic, topics+1)
		}
		if newest > lastID {
			add("an event has the id %d, the next one would get %d", newest, lastID+1)
		}
		return nil
	})
	if err == nil && page.Rows != 1 {
		add("the table totals has no row")
	}
	return page, err
}

// reports checks the reports of duplicates.
func (a *Audit) reports(ctx context.Context, after string, limit int) (page audit.Page, err error) {
	at := identityPosition{Topic: math.MinInt64}
	if err := audit.Decode(after, &at); err != nil {
		return page, err
	}
	err = a.auditRows(ctx, "reports", func(from row) error {
		var (
			number, repeats, conflicts int64
			key                        any
			inOrder, hasIdentity       bool
			topic                      stdsql.NullString
		)
		if err := from.Scan(&number, &key, &repeats, &conflicts, &inOrder, &topic, &hasIdentity); err != nil {
			return err
		}
		page.Rows++
		at = positionOf(number, key)
		if detail := audit.ReportProblem(repeats, conflicts, inOrder, topic.Valid, hasIdentity); detail != "" {
			page.Found = append(page.Found, audit.Difference{Kind: audit.ReportDiffers, Topic: nameOf(topic, number), ID: readable(key), Detail: detail})
		}
		return nil
	}, at.Topic, at.key(), limit)
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	return page, err
}

// nameOf returns the name of a topic, or its number if it has none.
func nameOf(topic stdsql.NullString, number int64) string {
	if topic.Valid {
		return topic.String
	}
	return fmt.Sprintf("(number %d)", number)
}

// readable returns the event_id of a stored key, of any form.
func readable(key any) string {
	text, err := keyText(key)
	if err != nil {
		return fmt.Sprintf("%v", key)
	}
	return text
}

// equalKeys reports whether two stored keys are equal.
func equalKeys(a, b any) bool {
	one, isBlob := a.([]byte)
	other, isBlobToo := b.([]byte)
	if isBlob && isBlobToo {
		return bytes.Equal(one, other)
	}
	return isBlob == isBlobToo && a == b
}
