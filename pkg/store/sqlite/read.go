package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Stats implements [store.StatsReader].
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	const attempted = "read the totals"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return store.Stats{}, err
	}
	defer leave()
	var stats store.Stats
	if err := s.read.stats.QueryRowContext(ctx).Scan(&stats.Unique, &stats.Duplicates, &stats.Topics); err != nil {
		return store.Stats{}, translate(ctx, err, attempted)
	}
	stats.Received = stats.Unique + stats.Duplicates
	return stats, nil
}

// TopicStats implements [store.StatsReader].
func (s *Store) TopicStats(ctx context.Context) ([]store.TopicStats, error) {
	const attempted = "read the totals of the topics"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return nil, err
	}
	defer leave()
	rows, err := s.read.topicStats.QueryContext(ctx)
	topics, err := collect(rows, err, scanTopic)
	if err != nil {
		return nil, translate(ctx, err, attempted)
	}
	return topics, nil
}

// Event implements [store.EventReader].
func (s *Store) Event(ctx context.Context, key event.Key) (store.Record, error) {
	const attempted = "read an event"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return store.Record{}, err
	}
	defer leave()
	record, err := scanRecord(s.read.event.QueryRowContext(ctx, key.Topic, key.ID))
	if err != nil {
		return store.Record{}, translate(ctx, err, attempted)
	}
	return record, nil
}

// Older implements [store.EventReader].
func (s *Store) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) (records []store.Record, more bool, err error) {
	const attempted = "read older events"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return nil, false, err
	}
	defer leave()
	end := int64(math.MaxInt64)
	if !before.IsZero() {
		end = firstFrom(before)
	}
	if before.Fingerprint != 0 {
		if _, err := s.newest(ctx, attempted, before); err != nil {
			return nil, false, err
		}
	}
	query := s.read.older
	if filter.Topic != "" {
		query = s.read.olderOfTopic
	}
	return s.records(ctx, attempted, query, filter, 1, end, limit)
}

// Newer implements [store.EventReader]. It reads the newest position first, and
// then the events up to there. Later ones are for the next call.
func (s *Store) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	const attempted = "read newer events"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return nil, after, err
	}
	defer leave()
	newest, err := s.newest(ctx, attempted, after)
	if err != nil {
		return nil, after, err
	}
	if after.Compare(behind(newest)) > 0 {
		return nil, after, fmt.Errorf("%s after %v: %w", attempted, after, store.ErrForeignPosition)
	}
	query := s.read.newer
	if filter.Topic != "" {
		query = s.read.newerOfTopic
	}
	records, more, err := s.records(ctx, attempted, query, filter, firstAfter(after), int64(newest.Commit)+1, limit)
	if err != nil {
		return nil, after, err
	}
	if more {
		return records, records[len(records)-1].Position, nil
	}
	if newest.Compare(after) > 0 { // skip what the filter left out
		after = newest
	}
	return records, after, nil
}

// StableHead implements [store.EventReader]. Rows are in the order of commits, so
// the order of all of them is stable.
func (s *Store) StableHead(ctx context.Context) (store.Position, error) {
	const attempted = "read the newest position"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return store.Position{}, err
	}
	defer leave()
	newest, err := s.newest(ctx, attempted, store.Position{})
	if err != nil {
		return store.Position{}, err
	}
	return behind(newest), nil
}

// newest is the position of the newest event, with a Commit of 0 if there is none.
// It fails if the position check does not belong to this data.
func (s *Store) newest(ctx context.Context, attempted string, check store.Position) (store.Position, error) {
	var (
		id          int64
		last, found stdsql.NullInt64
	)
	if err := s.read.lastID.QueryRowContext(ctx, firstAfter(check)).Scan(&id, &last, &found); err != nil {
		return store.Position{}, translate(ctx, err, attempted)
	}
	if err := check.Check(fingerprint(found)); err != nil {
		return store.Position{}, fmt.Errorf("%s: %w", attempted, err)
	}
	return store.Position{Commit: uint64(id), Seq: 1, Fingerprint: fingerprint(last)}, nil
}

// records reads events with ids from first up to, not including, end. It reads up to
// limit or [store.PageBytes] of them, and reports whether there are more.
func (s *Store) records(ctx context.Context, attempted string, query *stdsql.Stmt, filter store.Filter, first, end int64, limit int) ([]store.Record, bool, error) {
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !filter.Since.IsZero() {
		since = ceilMicros(filter.Since)
	}
	if !filter.Until.IsZero() {
		until = ceilMicros(filter.Until)
	}
	arguments := []any{first, end, limit + 1, filter.Source, since, until}
	if filter.Topic != "" {
		arguments = append(arguments, filter.Topic)
	}
	rows, err := query.QueryContext(ctx, arguments...)
	records, more, err := collectPage(rows, err, limit)
	if err != nil {
		return nil, false, translate(ctx, err, attempted)
	}
	return records, more, nil
}

// collectPage reads rows until a page is full, and reports whether there is another
// row. SQLite computes the rows one by one, so unread rows cost nothing.
func collectPage(rows *stdsql.Rows, err error, limit int) (records []store.Record, more bool, failed error) {
	if err != nil {
		return nil, false, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	for size := 0; rows.Next(); {
		if len(records) == limit || size >= store.PageBytes {
			return records, true, nil
		}
		record, err := scanRecord(rows)
		if err != nil {
			return nil, false, err
		}
		size += record.Size()
		records = append(records, record)
	}
	return records, false, rows.Err()
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
	)
	err := from.Scan(&id, &createdAt, &occurredAt, &r.Topic, &r.ID, &r.Source, &r.Payload)
	r.CreatedAt, r.Timestamp = timeOf(createdAt), timeOf(occurredAt)
	r.Position = position(id, r.CreatedAt)
	return r, err
}

func scanTopic(from row) (store.TopicStats, error) {
	var (
		t           store.TopicStats
		first, last int64
	)
	err := from.Scan(&t.Topic, &t.Unique, &t.Duplicates, &first, &last)
	t.FirstSeen, t.LastSeen = timeOf(first), timeOf(last)
	return t, err
}

// timeOf is the time of stored microseconds.
func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
