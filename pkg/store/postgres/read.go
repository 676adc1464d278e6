package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Stats implements [store.StatsReader].
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	const attempt = "read the totals"
	if err := s.enter(attempt); err != nil {
		return store.Stats{}, err
	}
	defer s.life.RUnlock()
	var stats store.Stats
	err := s.readers.QueryRow(ctx, s.queries.stats).Scan(&stats.Received, &stats.Duplicates, &stats.Topics)
	if err != nil {
		return store.Stats{}, translate(ctx, err, attempt)
	}
	stats.Unique = stats.Received - stats.Duplicates
	return stats, nil
}

// TopicStats implements [store.StatsReader].
func (s *Store) TopicStats(ctx context.Context) ([]store.TopicStats, error) {
	const attempt = "read the totals of the topics"
	if err := s.enter(attempt); err != nil {
		return nil, err
	}
	defer s.life.RUnlock()
	rows, err := s.readers.Query(ctx, s.queries.topicStats)
	if err != nil {
		return nil, translate(ctx, err, attempt)
	}
	topics, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.TopicStats, error) {
		var t store.TopicStats
		err := row.Scan(&t.Topic, &t.Unique, &t.Duplicates, &t.FirstSeen, &t.LastSeen)
		t.FirstSeen, t.LastSeen = t.FirstSeen.UTC(), t.LastSeen.UTC()
		return t, err
	})
	if err != nil {
		return nil, translate(ctx, err, attempt)
	}
	return topics, nil
}

// Event implements [store.EventReader].
func (s *Store) Event(ctx context.Context, key event.Key) (store.Record, error) {
	const attempt = "read an event"
	if err := s.enter(attempt); err != nil {
		return store.Record{}, err
	}
	defer s.life.RUnlock()
	rows, err := s.readers.Query(ctx, s.queries.event, key.Topic, key.ID)
	if err != nil {
		return store.Record{}, translate(ctx, err, attempt)
	}
	record, err := pgx.CollectExactlyOneRow(rows, scanRecord)
	if err != nil {
		return store.Record{}, translate(ctx, err, attempt)
	}
	return record, nil
}

// Older implements [store.EventReader].
func (s *Store) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	check := before
	if before.IsZero() {
		before = store.Position{Commit: math.MaxInt64, Seq: math.MaxInt32}
	}
	query, arguments := s.queries.older, []any{before.Commit, before.Seq, nil, text(filter.Source), moment(filter.Since), moment(filter.Until)}
	if filter.Topic != "" {
		query, arguments = s.queries.olderOfTopic, append(arguments, filter.Topic)
	}
	return s.records(ctx, "read older events", query, arguments, limit, check)
}

// Newer implements [store.EventReader]. It reads the horizon first and the
// events below it after that: by then none of them can change.
func (s *Store) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	const attempt = "read newer events"
	settled, newest, err := s.horizon(ctx, after)
	if err != nil {
		return nil, after, err
	}
	if after.Compare(newest) > 0 {
		return nil, after, fmt.Errorf("%s after %v: %w", attempt, after, store.ErrForeignPosition)
	}
	if settled.Compare(after) <= 0 { // as most often where followers ask again and again
		return nil, after, nil
	}
	query, arguments := s.queries.newer,
		[]any{after.Commit, after.Seq, nil, text(filter.Source), moment(filter.Since), moment(filter.Until), settled.Commit}
	if filter.Topic != "" {
		query, arguments = s.queries.newerOfTopic, append(arguments, filter.Topic)
	}
	records, more, err := s.records(ctx, attempt, query, arguments, limit, store.Position{})
	switch {
	case err != nil:
		return nil, after, err
	case more:
		return records, records[len(records)-1].Position, nil
	case settled.Compare(after) > 0: // skip what the filter left out
		return records, settled, nil
	default:
		return records, after, nil
	}
}

// StableHead implements [store.EventReader].
func (s *Store) StableHead(ctx context.Context) (store.Position, error) {
	settled, _, err := s.horizon(ctx, store.Position{})
	return settled, err
}

// horizon returns the position behind all events that are settled, and the one
// behind all events: no position that was given out lies beyond that. It looks
// on the way at whether the position check is one of this data.
func (s *Store) horizon(ctx context.Context, check store.Position) (settled, newest store.Position, err error) {
	const attempt = "read the horizon"
	if err := s.enter(attempt); err != nil {
		return store.Position{}, store.Position{}, err
	}
	defer s.life.RUnlock()
	var last, found *time.Time
	err = s.readers.QueryRow(ctx, s.queries.settled, check.Commit, check.Seq).Scan(&settled.Commit, &last, &newest.Commit, &found)
	if err != nil {
		return store.Position{}, store.Position{}, translate(ctx, err, attempt)
	}
	if err := check.Check(mark(found)); err != nil {
		return store.Position{}, store.Position{}, fmt.Errorf("%s: %w", attempt, err)
	}
	settled.Fingerprint = mark(last)
	settled.Commit++
	newest.Commit++
	return settled, newest, nil
}

// scanRecord reads the columns that every query for events selects.
func scanRecord(row pgx.CollectableRow) (store.Record, error) {
	var r store.Record
	err := row.Scan(&r.Position.Commit, &r.Position.Seq, &r.CreatedAt, &r.Timestamp, &r.Topic, &r.ID, &r.Source, &r.Payload)
	r.CreatedAt, r.Timestamp = r.CreatedAt.UTC(), r.Timestamp.UTC()
	r.Position.Fingerprint = store.FingerprintOf(r.CreatedAt)
	return r, err
}

// mark is that of an event stored then, 0 where there is none.
func mark(created *time.Time) uint32 {
	if created == nil {
		return 0
	}
	return store.FingerprintOf(*created)
}

// text is a filter's value, null where it is not set.
func text(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

// moment is a filter's bound, null where it is not set.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
