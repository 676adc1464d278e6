package sqlite

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Stats implements [store.StatsReader].
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	return call(ctx, s, "read the totals", func() (store.Stats, error) {
		return scanStats(s.read.stats.QueryRowContext(ctx))
	})
}

func scanStats(from row) (stats store.Stats, err error) {
	err = from.Scan(&stats.Stored, &stats.Duplicates, &stats.Conflicts, &stats.Topics, &stats.Kept)
	stats.Received = stats.Stored + stats.Duplicates
	return stats, err
}

// TopicStats implements [store.StatsReader].
func (s *Store) TopicStats(ctx context.Context, query store.TopicQuery) ([]store.TopicStats, error) {
	return call(ctx, s, "read the totals of the topics", func() ([]store.TopicStats, error) {
		var topic, received any
		if query.Topic != "" {
			topic = query.Topic
		}
		if after := query.After; after.Topic != "" {
			received = after.Stored + after.Duplicates
		}
		limit := -1
		if query.Limit > 0 {
			limit = query.Limit
		}
		rows, err := s.read.topicStats.QueryContext(ctx, topic, received, query.After.Topic, limit)
		return collect(rows, err, scanTopic)
	})
}

// KnownTopics implements [store.TopicReader].
func (s *Store) KnownTopics(ctx context.Context, topics []string) ([]bool, error) {
	return call(ctx, s, "look for topics", func() ([]bool, error) {
		if len(topics) == 0 { // JSON has null for nil
			return nil, nil
		}
		names, err := json.Marshal(topics)
		if err != nil {
			return nil, err
		}
		rows, err := s.read.knownTopics.QueryContext(ctx, string(names))
		return collect(rows, err, func(from row) (known bool, err error) {
			err = from.Scan(&known)
			return known, err
		})
	})
}

// Event implements [store.EventReader].
func (s *Store) Event(ctx context.Context, key event.Key) (store.Record, error) {
	return call(ctx, s, "read an event", func() (store.Record, error) {
		id := storedKey(key.ID)
		r, err := scanRecord(s.read.event.QueryRowContext(ctx, key.Topic, id))
		if !errors.Is(err, stdsql.ErrNoRows) {
			return r, err
		}
		var known bool
		if err := s.read.hasIdentity.QueryRowContext(ctx, key.Topic, id).Scan(&known); err != nil {
			return r, err
		}
		if known {
			return r, store.ErrDropped
		}
		return r, err
	})
}

// Older implements [store.EventReader].
func (s *Store) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	p, err := call(ctx, s, "read older events", func() (page, error) {
		end := int64(math.MaxInt64)
		if !before.IsZero() {
			end = firstFrom(before)
		}
		if before.Fingerprint != 0 {
			newest, err := s.newest(ctx, before)
			if err != nil {
				return page{}, err
			}
			if err := newest.checkFound(before); err != nil && newest.checkDropped(before) == nil {
				return page{}, err
			}
		}
		return readPage(ctx, s.read.older, filter, 1, end, limit)
	})
	return p.records, p.more, err
}

// Newer implements [store.EventReader]. It reads the newest position first, and
// then the events up to there. Later ones are for the next call.
func (s *Store) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	next := after
	p, err := call(ctx, s, "read newer events", func() (page, error) {
		newest, err := s.newest(ctx, after)
		if err != nil {
			return page{}, err
		}
		if after.Compare(behind(newest.Position)) > 0 {
			return page{}, fmt.Errorf("after %v: %w", after, store.ErrForeignPosition)
		}
		if !after.IsZero() {
			if err := cmp.Or(newest.checkDropped(after), newest.checkFound(after)); err != nil {
				return page{}, err
			}
		}
		p, err := readPage(ctx, s.read.newer, filter, firstAfter(after), int64(newest.Commit)+1, limit)
		switch {
		case err != nil:
		case p.more:
			next = p.records[len(p.records)-1].Position
		case newest.Compare(after) > 0: // skip what the filter left out
			next = newest.Position
		}
		if err == nil && !after.IsZero() { // retention may have dropped events meanwhile
			var droppedAt stdsql.NullInt64
			err = s.read.droppedID.QueryRowContext(ctx).Scan(&newest.droppedID, &droppedAt)
			newest.droppedAt = fingerprint(droppedAt)
			err = cmp.Or(err, newest.checkDropped(after))
		}
		return p, err
	})
	return p.records, next, err
}

// StableHead implements [store.EventReader]. Rows are in the order of commits, so
// the order of all of them is stable.
func (s *Store) StableHead(ctx context.Context) (store.Position, error) {
	return call(ctx, s, "read the newest position", func() (store.Position, error) {
		newest, err := s.newest(ctx, store.Position{})
		return behind(newest.Position), err
	})
}

// newest is the position of the newest event, with a Commit of 0 if there is none, and
// what is at another position.
type newest struct {
	store.Position

	found     uint32 // fingerprint at the other position
	droppedID int64  // of the last event whose data was dropped
	droppedAt uint32 // its fingerprint
}

// newest reads the newest event and the one at a position.
func (s *Store) newest(ctx context.Context, at store.Position) (newest, error) {
	var (
		id, droppedID          int64
		last, found, droppedAt stdsql.NullInt64
	)
	err := s.read.lastID.QueryRowContext(ctx, firstAfter(at)).Scan(&id, &last, &found, &droppedID, &droppedAt)
	return newest{
		Position: store.Position{Commit: uint64(id), Seq: 1, Fingerprint: fingerprint(last)},
		found:    fingerprint(found), droppedID: droppedID, droppedAt: fingerprint(droppedAt),
	}, err
}

// checkFound fails if the position does not belong to this data.
func (n newest) checkFound(at store.Position) error { return at.Check(n.found) }

// checkDropped fails if events after the position were dropped.
func (n newest) checkDropped(at store.Position) error {
	if n.droppedID == 0 || firstAfter(at) > n.droppedID {
		return nil
	}
	return &store.DroppedError{After: at, Next: store.Position{Commit: uint64(n.droppedID), Seq: 1, Fingerprint: n.droppedAt}}
}

// page is the result of Older and Newer.
type page struct {
	records []store.Record
	more    bool
}

// readPage reads events with ids from first up to, not including, end. It reads up
// to limit or [store.PageBytes] of them, and whether there are more.
func readPage(ctx context.Context, statements pageStatements, filter store.Filter, first, end int64, limit int) (page, error) {
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !filter.Since.IsZero() {
		since = ceilMicros(filter.Since)
	}
	if !filter.Until.IsZero() {
		until = ceilMicros(filter.Until)
	}
	arguments := []any{first, end, limit + 1, filter.Source}
	if filter.ID != "" {
		rows, err := statements.byID.QueryContext(ctx, append(arguments, since, until, storedKey(filter.ID), filter.Topic)...)
		return collectPage(rows, err, limit)
	}
	query, queryOfTopic := statements.all, statements.topic
	if !filter.Since.IsZero() || !filter.Until.IsZero() {
		query, queryOfTopic = statements.between, statements.topicBetween
		arguments = append(arguments, since, until)
	}
	if filter.Topic != "" {
		query = queryOfTopic
		arguments = append(arguments, filter.Topic)
	}
	rows, err := query.QueryContext(ctx, arguments...)
	return collectPage(rows, err, limit)
}

// collectPage reads rows until a page is full. SQLite computes the rows one by one,
// so unread rows cost nothing.
func collectPage(rows *stdsql.Rows, err error, limit int) (p page, failed error) {
	if err != nil {
		return page{}, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	for size := 0; rows.Next(); {
		if len(p.records) == limit || size >= store.PageBytes {
			p.more = true
			return p, nil
		}
		record, err := scanRecord(rows)
		if err != nil {
			return page{}, err
		}
		size += record.Size()
		p.records = append(p.records, record)
	}
	return p, rows.Err()
}

// ceilMicros rounds t up to microseconds since 1970. Stored times are whole
// microseconds, so a comparison with the rounded bound has the same result.
func ceilMicros(t time.Time) int64 {
	micros := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		micros++
	}
	return micros
}

// position is the position of a row. Each row counts as a commit of its own.
func position(id int64, created time.Time) store.Position {
	return store.Position{Commit: uint64(id), Seq: 1, Fingerprint: store.FingerprintOf(created)}
}

// behind is the position after a row and before all later ones.
func behind(row store.Position) store.Position {
	return store.Position{Commit: row.Commit + 1, Fingerprint: row.Fingerprint}
}

// fingerprint is the fingerprint of a position whose last event was stored at that
// time, and 0 if there is no event.
func fingerprint(created stdsql.NullInt64) uint32 {
	if !created.Valid {
		return 0
	}
	return store.FingerprintOf(timeOf(created.Int64))
}

// firstFrom is the first id at or after a position.
func firstFrom(p store.Position) int64 {
	id := int64(min(p.Commit, math.MaxInt64-1))
	if p.Seq > 1 {
		id++
	}
	return id
}

// firstAfter is the first id after a position.
func firstAfter(p store.Position) int64 {
	id := int64(min(p.Commit, math.MaxInt64-1))
	if p.Seq > 0 {
		id++
	}
	return id
}

// row is a [stdsql.Row] or [stdsql.Rows].
type row interface{ Scan(columns ...any) error }

// collect reads all rows.
func collect[T any](rows *stdsql.Rows, err error, scan func(row) (T, error)) (_ []T, failed error) {
	if err != nil {
		return nil, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

func scanRecord(from row) (store.Record, error) {
	var (
		r                         store.Record
		id, createdAt, occurredAt int64
		key                       any
	)
	if err := from.Scan(&id, &createdAt, &occurredAt, &r.Topic, &key, &r.Source, &r.Payload); err != nil {
		return r, err
	}
	var err error
	r.ID, err = keyText(key)
	r.CreatedAt, r.Timestamp = timeOf(createdAt), timeOf(occurredAt)
	r.Position = position(id, r.CreatedAt)
	return r, err
}

func scanTopic(from row) (store.TopicStats, error) {
	var (
		t           store.TopicStats
		first, last int64
	)
	err := from.Scan(&t.Topic, &t.Stored, &t.Duplicates, &t.Conflicts, &first, &last)
	t.FirstSeen, t.LastSeen = timeOf(first), timeOf(last)
	return t, err
}

// timeOf is the time of stored microseconds.
func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
