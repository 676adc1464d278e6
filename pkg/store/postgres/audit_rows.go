package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store/audit"
)

// Checks implements [audit.Source].
func (a *Audit) Checks(text string) ([]audit.Check, error) {
	var bound auditBound
	if err := audit.Decode(text, &bound); err != nil {
		return nil, err
	}
	total := func(of func(sizes) int64) func(context.Context) (int64, error) {
		return func(ctx context.Context) (int64, error) {
			found, err := a.sizes(ctx)
			return of(found), err
		}
	}
	bounded := func(next func(context.Context, string, auditBound, int) (audit.Page, error)) func(context.Context, string, int) (audit.Page, error) {
		return func(ctx context.Context, after string, limit int) (audit.Page, error) {
			return next(ctx, after, bound, limit)
		}
	}
	events := total(func(s sizes) int64 { return s.events })
	return []audit.Check{
		{Name: "partitions", Title: "the listed partitions are attached, and have as many events as their counters say", Next: a.partitions},
		{Name: "identities", Title: "each identity has its event", Total: events, Next: bounded(a.identities)},
		{Name: "events", Title: "each event has its identity and the digest of its content", Total: events, Next: bounded(a.events)},
		{Name: "commits", Title: "each transaction has its number, its events and its tick", Next: bounded(a.commits)},
		{Name: "ticks", Title: "the ticks follow each other without a gap", Total: total(func(s sizes) int64 { return s.ticks }), Next: bounded(a.ticks)},
		{Name: "topics", Title: "the counters of each topic are the numbers of its identities and events", Total: total(func(s sizes) int64 { return s.topics }), Next: a.topics},
		{Name: "duplicates", Title: "each report of duplicates has its identity", Next: a.reports},
		{Name: "totals", Title: "the totals are the sums over the topics", Next: a.totals},
	}, nil
}

// identityPosition is a position in the order of identities.
type identityPosition struct {
	Topic int32  `json:"t"`
	Key   []byte `json:"k"`
}

// identities compares identities with the events at their addresses.
func (a *Audit) identities(ctx context.Context, after string, bound auditBound, limit int) (page audit.Page, err error) {
	at := identityPosition{Topic: math.MinInt32, Key: []byte{}}
	if err := audit.Decode(after, &at); err != nil {
		return page, err
	}
	var i auditedIdentity
	var found []located
	err = a.page(ctx, "identities", []any{at.Topic, at.Key, bound.Time, limit}, func() { page, found = audit.Page{}, nil }, i.columns(), func() error {
		switch {
		case i.count < 0:
			found = append(found, i.problem())
		case i.count > 0:
			page.Rows = i.count
			at = identityPosition{Topic: *i.topic, Key: i.key}
		}
		return nil
	})
	if err != nil {
		return page, err
	}
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	err = a.locate(ctx, &page, found)
	return page, err
}

// auditedIdentity is a row of audit_identities.sql.
type auditedIdentity struct {
	count      int64 // or -1 for a difference, -2 for an unknown topic
	topic      *int32
	key, found []byte
	created    *time.Time
	place      *int32
}

func (i *auditedIdentity) columns() []any {
	return []any{&i.count, &i.topic, &i.key, &i.created, &i.place, &i.found}
}

// problem returns what is wrong with an identity.
func (i *auditedIdentity) problem() located {
	found := located{topic: *i.topic, key: i.key, kind: audit.IdentityWithoutEvent}
	switch {
	case i.created == nil:
		found.kind, found.detail = audit.UnknownTopic, fmt.Sprintf("no topic has the number %d of an identity", *i.topic)
	case i.found == nil:
		found.detail = "no event is at its address " + formatAddress(*i.created, *i.place)
	default:
		found.detail = fmt.Sprintf("the event %s is at its address %s", readableKey(i.found), formatAddress(*i.created, *i.place))
	}
	return found
}

// formatAddress formats the address of an event within its topic.
func formatAddress(created time.Time, place int32) string {
	return fmt.Sprintf("(%s, %d)", created.UTC().Format(time.RFC3339Nano), place)
}

// eventPosition is a position in the order of events: a partition, and an address in it.
type eventPosition struct {
	Lower   time.Time `json:"l"` // of the partition
	Topic   int32     `json:"t"`
	Created time.Time `json:"c"`
	Place   int32     `json:"p"`
}

// partition is a row of audit_partitions.sql.
type partition struct {
	name         string
	lower, upper *time.Time // nil if it is not listed
	want, found  *string    // bounds; found is nil if it is not attached
}

func (a *Audit) listPartitions(ctx context.Context) (all []partition, err error) {
	var p partition
	return all, a.page(ctx, "partitions", nil, func() { all = nil }, []any{&p.name, &p.lower, &p.upper, &p.want, &p.found}, func() error {
		all = append(all, p)
		return nil
	})
}

// partitions compares the list of partitions with those that are attached, and then the
// counter of one partition after the other with its events.
func (a *Audit) partitions(ctx context.Context, after string, _ int) (page audit.Page, err error) {
	var from time.Time
	if err := audit.Decode(after, &from); err != nil {
		return page, err
	}
	all, err := a.listPartitions(ctx)
	if err != nil {
		return page, err
	}
	var counted *partition
	for i := range all {
		p := &all[i]
		switch {
		case p.lower == nil || p.found == nil || p.lower.Before(from):
		case counted == nil:
			counted = p
		case page.Next == "":
			page.Next = audit.Encode(*p.lower)
		}
		if detail := p.problem(); detail != "" && after == "" {
			page.Found = append(page.Found, audit.Difference{Kind: audit.PartitionDiffers, Detail: detail})
		}
	}
	if counted == nil {
		return page, nil
	}
	page.Rows = 1
	var counter, events int64
	if err := a.one(ctx, "partition", []any{*counted.lower, *counted.upper}, &counter, &events); err != nil {
		return page, err
	}
	if counter != events {
		page.Found = append(page.Found, audit.Difference{Kind: audit.CounterDiffers,
			Detail: fmt.Sprintf("the counter of the partition %s says %d events, there are %d", counted.name, counter, events)})
	}
	return page, nil
}

// problem returns what is wrong with a partition, or an empty text.
func (p *partition) problem() string {
	switch {
	case p.found == nil:
		return fmt.Sprintf("the partition %s is listed and not attached: its events can't be read", p.name)
	case p.want == nil:
		return fmt.Sprintf("the partition %s is attached and not listed", p.name)
	case *p.want != *p.found:
		return fmt.Sprintf("the partition %s has the bounds %s, the list says %s", p.name, *p.found, *p.want)
	default:
		return ""
	}
}

// auditedEvent is a row of audit_events.sql.
type auditedEvent struct {
	topic             int32
	created, occurred time.Time
	place             int32
	key               []byte
	source, payload   string
	identityCreated   *time.Time
	identityPlace     *int32
	identityDigest    *[digest.Size]byte
}

func (e *auditedEvent) columns() []any {
	return []any{&e.topic, &e.created, &e.place, &e.key, &e.occurred, &e.source, &e.payload, &e.identityCreated, &e.identityPlace, &e.identityDigest}
}

// events compares the events of one partition after the other with their identities, and
// their contents with the digests.
func (a *Audit) events(ctx context.Context, after string, bound auditBound, limit int) (page audit.Page, err error) {
	at := eventPosition{}
	if err := audit.Decode(after, &at); err != nil {
		return page, err
	}
	current, next, err := a.partitionAt(ctx, &at, bound)
	if err != nil || current == nil {
		return page, err
	}
	var e auditedEvent
	var found []located
	last := at
	err = a.page(ctx, "events", []any{*current.lower, *current.upper, at.Topic, at.Created, at.Place, bound.Time, limit},
		func() { page, found = audit.Page{}, nil }, e.columns(), func() error {
			page.Rows++
			last.Topic, last.Created, last.Place = e.topic, e.created, e.place
			if kind, detail := a.compare(&e); kind != "" {
				found = append(found, located{e.topic, e.key, kind, detail})
			}
			return nil
		})
	if err != nil {
		return page, err
	}
	switch {
	case page.Rows >= int64(limit):
		page.Next = audit.Encode(last)
	case next != nil:
		page.Next = audit.Encode(eventPosition{Lower: *next.lower, Topic: math.MinInt32})
	}
	err = a.locate(ctx, &page, found)
	return page, err
}

// partitionAt returns the partition of a position, or the one after it if retention has
// dropped that meanwhile, and the next one with events up to the bound. The first is nil
// if there is none.
func (a *Audit) partitionAt(ctx context.Context, at *eventPosition, bound auditBound) (current, next *partition, err error) {
	all, err := a.listPartitions(ctx)
	for i := range all {
		p := &all[i]
		switch {
		case p.lower == nil || p.found == nil || p.lower.Before(at.Lower) || p.lower.After(bound.Time):
		case current == nil:
			current = p
		case next == nil:
			next = p
		}
	}
	if current != nil && !current.lower.Equal(at.Lower) {
		*at = eventPosition{Lower: *current.lower, Topic: math.MinInt32}
	}
	return current, next, err
}

// compare returns what is wrong with an event, or an empty kind.
func (a *Audit) compare(e *auditedEvent) (kind audit.Kind, detail string) {
	switch {
	case e.identityCreated == nil:
		return audit.EventWithoutIdentity, "no identity has the key of the event at " + formatAddress(e.created, e.place)
	case !e.identityCreated.Equal(e.created) || *e.identityPlace != e.place:
		return audit.EventTwice, fmt.Sprintf("the key belongs to the event at %s, and the event at %s has it, too",
			formatAddress(*e.identityCreated, *e.identityPlace), formatAddress(e.created, e.place))
	}
	content := a.digests.Of(&event.Event{Timestamp: e.occurred, Source: e.source, Payload: e.payload})
	if content != digest.Digest(*e.identityDigest) {
		return audit.DigestDiffers, fmt.Sprintf("the identity has the digest %x, the content of the event has %x", *e.identityDigest, content)
	}
	return "", ""
}
