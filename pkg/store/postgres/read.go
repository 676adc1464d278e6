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

// reader runs the statements of one read: the pool of readers, or a transaction.
type reader interface {
	Query(ctx context.Context, statement string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, statement string, arguments ...any) pgx.Row
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
}

// read is call for a call that reads. Behind a pooler no session keeps the settings of
// readers, such as lock_timeout: a transaction sets them, for two round trips more.
func read[T any](ctx context.Context, s *Store, attempted string, run func(reader) (T, error)) (T, error) {
	return call(ctx, s, attempted, func() (result T, err error) {
		if !s.pooled {
			return run(s.readers)
		}
		tx, err := s.readers.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.queries.readerBegin})
		if err != nil {
			return result, err
		}
		defer func() { _ = tx.Rollback(ctx) }() // which reads nothing and so loses nothing
		return run(tx)
	})
}

// Stats implements [store.StatsReader].
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	return read(ctx, s, "read the totals", func(r reader) (store.Stats, error) {
		var stats store.Stats
		err := r.QueryRow(ctx, s.queries.stats).Scan(&stats.Received, &stats.Duplicates, &stats.Topics)
		stats.Stored = stats.Received - stats.Duplicates
		return stats, err
	})
}

// TopicStats implements [store.StatsReader].
func (s *Store) TopicStats(ctx context.Context, query store.TopicQuery) ([]store.TopicStats, error) {
	return read(ctx, s, "read the totals of the topics", func(r reader) ([]store.TopicStats, error) {
		var received, limit any
		if after := query.After; after.Topic != "" {
			received = after.Stored + after.Duplicates
		}
		if query.Limit > 0 {
			limit = query.Limit
		}
		rows, _ := r.Query(ctx, s.queries.topicStats, orNull(query.Topic), received, query.After.Topic, limit) // CollectRows returns the error
		return pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.TopicStats, error) {
			var t store.TopicStats
			err := row.Scan(&t.Topic, &t.Stored, &t.Duplicates, &t.FirstSeen, &t.LastSeen)
			t.FirstSeen, t.LastSeen = t.FirstSeen.UTC(), t.LastSeen.UTC()
			return t, err
		})
	})
}

// KnownTopics implements [store.TopicReader].
func (s *Store) KnownTopics(ctx context.Context, topics []string) ([]bool, error) {
	return read(ctx, s, "look for topics", func(r reader) ([]bool, error) {
		rows, _ := r.Query(ctx, s.queries.knownTopics, topics) // CollectRows returns the error
		return pgx.CollectRows(rows, pgx.RowTo[bool])
	})
}

// Event implements [store.EventReader].
func (s *Store) Event(ctx context.Context, key event.Key) (store.Record, error) {
	return read(ctx, s, "read an event", func(r reader) (store.Record, error) {
		rows, _ := r.Query(ctx, s.queries.event, key.Topic, key.ID) // CollectExactlyOneRow returns the error
		return pgx.CollectExactlyOneRow(rows, scanRecord)
	})
}

// Older implements [store.EventReader].
func (s *Store) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	check := before
	if before.IsZero() {
		before = store.Position{Commit: math.MaxInt64, Seq: math.MaxInt32}
	}
	query, arguments := s.queries.older, []any{before.Commit, before.Seq, nil, orNull(filter.Source), orNull(filter.Since), orNull(filter.Until)}
	switch {
	case filter.ID != "":
		query, arguments = s.queries.olderByID, append(arguments, filter.ID, orNull(filter.Topic))
	case filter.Topic != "":
		query, arguments = s.queries.olderOfTopic, append(arguments, filter.Topic)
	}
	return s.records(ctx, "read older events", query, arguments, limit, check)
}

// Newer implements [store.EventReader]. It reads the stable head first and then
// the events below it, which can't change any more.
func (s *Store) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	const attempted = "read newer events"
	stable, newest, err := s.heads(ctx, after)
	if err != nil {
		return nil, after, err
	}
	if after.Compare(newest) > 0 {
		return nil, after, fmt.Errorf("%s after %v: %w", attempted, after, store.ErrForeignPosition)
	}
	if stable.Compare(after) <= 0 { // the usual case for followers that poll
		return nil, after, nil
	}
	query, arguments := s.queries.newer,
		[]any{after.Commit, after.Seq, nil, orNull(filter.Source), orNull(filter.Since), orNull(filter.Until), stable.Commit}
	switch {
	case filter.ID != "":
		query, arguments = s.queries.newerByID, append(arguments, filter.ID, orNull(filter.Topic))
	case filter.Topic != "":
		query, arguments = s.queries.newerOfTopic, append(arguments, filter.Topic)
	}
	records, more, err := s.records(ctx, attempted, query, arguments, limit, store.Position{})
	switch {
	case err != nil:
		return nil, after, err
	case more:
		return records, records[len(records)-1].Position, nil
	case stable.Compare(after) > 0: // skip what the filter left out
		return records, stable, nil
	default:
		return records, after, nil
	}
}

// StableHead implements [store.EventReader].
func (s *Store) StableHead(ctx context.Context) (store.Position, error) {
	stable, _, err := s.heads(ctx, store.Position{})
	return stable, err
}

// heads returns the position behind all events whose order is stable, and the
// position behind all events. No valid position lies behind the second. It also
// checks whether the position check belongs to this data.
func (s *Store) heads(ctx context.Context, check store.Position) (stable, newest store.Position, err error) {
	both, err := read(ctx, s, "read the newest positions", func(r reader) (heads [2]store.Position, err error) {
		var last, found *time.Time
		err = r.QueryRow(ctx, s.queries.stableHead, check.Commit, check.Seq).Scan(&heads[0].Commit, &last, &heads[1].Commit, &found)
		if err != nil {
			return heads, err
		}
		heads[0].Fingerprint = fingerprint(last)
		heads[0].Commit++
		heads[1].Commit++
		return heads, check.Check(fingerprint(found))
	})
	return both[0], both[1], err
}

// scanRecord reads the columns that every query for events selects.
func scanRecord(row pgx.CollectableRow) (store.Record, error) {
	var r store.Record
	err := row.Scan(&r.Position.Commit, &r.Position.Seq, &r.CreatedAt, &r.Timestamp, &r.Topic, &r.ID, &r.Source, &r.Payload)
	r.CreatedAt, r.Timestamp = r.CreatedAt.UTC(), r.Timestamp.UTC()
	r.Position.Fingerprint = store.FingerprintOf(r.CreatedAt)
	return r, err
}

// fingerprint is the fingerprint of a position whose last event was stored at that
// time, and 0 if there is no event.
func fingerprint(created *time.Time) uint32 {
	if created == nil {
		return 0
	}
	return store.FingerprintOf(*created)
}

// orNull is the value of a filter, and null if the filter is not set.
func orNull[T comparable](value T) *T {
	var unset T
	if value == unset {
		return nil
	}
	return &value
}
