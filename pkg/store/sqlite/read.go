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
	const attempt = "read the totals"
	leave, err := s.enter(ctx, attempt)
	if err != nil {
		return store.Stats{}, err
	}
	defer leave()
	var stats store.Stats
	if err := s.read.stats.QueryRowContext(ctx).Scan(&stats.Unique, &stats.Duplicates, &stats.Topics); err != nil {
		return store.Stats{}, translate(ctx, err, attempt)
	}
	stats.Received = stats.Unique + stats.Duplicates
	return stats, nil
}

// TopicStats implements [store.StatsReader].
func (s *Store) TopicStats(ctx context.Context) ([]store.TopicStats, error) {
	const attempt = "read the totals of the topics"
	leave, err := s.enter(ctx, attempt)
	if err != nil {
		return nil, err
	}
	defer leave()
	rows, err := s.read.topicStats.QueryContext(ctx)
	topics, err := collect(rows, err, scanTopic)
	if err != nil {
		return nil, translate(ctx, err, attempt)
	}
	return topics, nil
}

// Event implements [store.EventReader].
func (s *Store) Event(ctx context.Context, key event.Key) (store.Record, error) {
	const attempt = "read an event"
	leave, err := s.enter(ctx, attempt)
	if err != nil {
		return store.Record{}, err
	}
	defer leave()
	record, err := scanRecord(s.read.event.QueryRowContext(ctx, key.Topic, key.ID))
	if err != nil {
		return store.Record{}, translate(ctx, err, attempt)
	}
	return record, nil
}

// Older implements [store.EventReader].
func (s *Store) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) (records []store.Record, more bool, err error) {
	const attempt = "read older events"
	leave, err := s.enter(ctx, attempt)
	if err != nil {
		return nil, false, err
	}
	defer leave()
	end := int64(math.MaxInt64)
	if !before.IsZero() {
		end = firstFrom(before)
	}
	if before.Fingerprint != 0 {
		if _, err := s.newest(ctx, attempt, before); err != nil {
			return nil, false, err
		}
	}
	query := s.read.older
	if filter.Topic != "" {
		query = s.read.olderOfTopic
	}
	return s.records(ctx, attempt, query, filter, 1, end, limit)
}

// Newer implements [store.EventReader]. It reads first how far the events go,
// and then those up to there: a later one is for the next call.
func (s *Store) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	const attempt = "read newer events"
	leave, err := s.enter(ctx, attempt)
	if err != nil {
		return nil, after, err
	}
	defer leave()
	newest, err := s.newest(ctx, attempt, after)
	if err != nil {
		return nil, after, err
	}
	if after.Compare(behind(newest)) > 0 {
		return nil, after, fmt.Errorf("%s after %v: %w", attempt, after, store.ErrForeignPosition)
	}
	query := s.read.newer
	if filter.Topic != "" {
		query = s.read.newerOfTopic
	}
	records, more, err := s.records(ctx, attempt, query, filter, firstAfter(after), int64(newest.Commit)+1, limit)
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

// StableHead implements [store.EventReader]: rows come in the order of commits, so
// everything there is has settled.
func (s *Store) StableHead(ctx context.Context) (store.Position, error) {
	const attempt = "read the newest position"
	leave, err := s.enter(ctx, attempt)
	if err != nil {
		return store.Position{}, err
	}
	defer leave()
	newest, err := s.newest(ctx, attempt, store.Position{})
	if err != nil {
		return store.Position{}, err
	}
	return behind(newest), nil
}

// newest is the place of the newest event, with a Commit of 0 where there is
// none. It fails where the position check is none of this data.
func (s *Store) newest(ctx context.Context, attempt string, check store.Position) (store.Position, error) {
	var (
		id          int64
		last, found stdsql.NullInt64
	)
	if err := s.read.lastID.QueryRowContext(ctx, firstAfter(check)).Scan(&id, &last, &found); err != nil {
		return store.Position{}, translate(ctx, err, attempt)
	}
	if err := check.Check(mark(found)); err != nil {
		return store.Position{}, fmt.Errorf("%s: %w", attempt, err)
	}
	return store.Position{Commit: uint64(id), Seq: 1, Fingerprint: mark(last)}, nil
}

// records reads events with ids from first up to, not including, end: up to
// limit or [store.PageBytes] of them, and whether there are more.
func (s *Store) records(ctx context.Context, attempt string, query *stdsql.Stmt, filter store.Filter, first, end int64, limit int) ([]store.Record, bool, error) {
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
		return nil, false, translate(ctx, err, attempt)
	}
	return records, more, nil
}

// collectPage reads the rows of an answer until a page is full, and whether
// another row is left. SQLite makes the rows one by one, so those that are left
// cost nothing.
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

// ceilMicros is the first whole microsecond since 1970 that is not before t.
// What is stored is whole microseconds: to be at or after t, or before it, is to
// be at or after, or before, this one.
func ceilMicros(t time.Time) int64 {
	micros := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		micros++
	}
	return micros
}

// position is the place of a row. Each row is a commit of its own in this order.
func position(id int64, created time.Time) store.Position {
	return store.Position{Commit: uint64(id), Seq: 1, Fingerprint: store.FingerprintOf(created)}
}

// behind is the position behind a row and before all later ones.
func behind(row store.Position) store.Position {
	return store.Position{Commit: row.Commit + 1, Fingerprint: row.Fingerprint}
}

// mark is that of an event stored then, 0 where there is none.
func mark(created stdsql.NullInt64) uint32 {
	if !created.Valid {
		return 0
	}
	return store.FingerprintOf(moment(created.Int64))
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

// row is what [stdsql.Row] and [stdsql.Rows] have in common.
type row interface{ Scan(columns ...any) error }

// collect reads all rows of an answer.
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
	r.CreatedAt, r.Timestamp = moment(createdAt), moment(occurredAt)
	r.Position = position(id, r.CreatedAt)
	return r, err
}

func scanTopic(from row) (store.TopicStats, error) {
	var (
		t           store.TopicStats
		first, last int64
	)
	err := from.Scan(&t.Topic, &t.Unique, &t.Duplicates, &first, &last)
	t.FirstSeen, t.LastSeen = moment(first), moment(last)
	return t, err
}

// moment is the time of a stored number.
func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
