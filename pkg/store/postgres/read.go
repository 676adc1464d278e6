package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// reader runs the statements of one read: the pool of readers, or a transaction.
type reader interface {
	Query(ctx context.Context, statement string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, statement string, arguments ...any) pgx.Row
}

// read is call for a call that reads.
func read[T any](ctx context.Context, s *Store, attempted string, run func(reader) (T, error)) (T, error) {
	return call(ctx, s, attempted, func() (T, error) { return withReader(ctx, s, run) })
}

// withReader runs the statements of one read. Behind a pooler no session keeps the
// settings of readers, such as lock_timeout: a transaction sets them, for two round
// trips more.
func withReader[T any](ctx context.Context, s *Store, run func(reader) (T, error)) (result T, err error) {
	if !s.pooled {
		return run(s.readers)
	}
	tx, err := s.readers.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.queries.readerBegin})
	if err != nil {
		return result, err
	}
	defer func() { _ = tx.Rollback(ctx) }() // which reads nothing and so loses nothing
	return run(tx)
}

// Stats implements [store.StatsReader].
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	return read(ctx, s, "read the totals", func(r reader) (store.Stats, error) {
		var stats store.Stats
		err := r.QueryRow(ctx, s.queries.stats).Scan(&stats.Received, &stats.Duplicates, &stats.Conflicts, &stats.Topics, &stats.Kept)
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
			err := row.Scan(&t.Topic, &t.Stored, &t.Duplicates, &t.Conflicts, &t.FirstSeen, &t.LastSeen)
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

// Event implements [store.EventReader]. It finds the address of the event and its
// position in the order, and then reads its data.
func (s *Store) Event(ctx context.Context, key event.Key) (store.Record, error) {
	return call(ctx, s, "read an event", func() (store.Record, error) {
		at, err := s.locate(ctx, key)
		if err == nil && at.position.Tick == 0 { // it was stored a moment ago
			if _, err = s.lastTick(ctx); err == nil {
				at, err = s.locate(ctx, key)
			}
		}
		if err != nil {
			return store.Record{}, err
		}
		return withReader(ctx, s, func(from reader) (store.Record, error) {
			r := store.Record{Event: event.Event{Topic: key.Topic, ID: key.ID}, Position: at.position}
			err := from.QueryRow(ctx, s.queries.event, at.topic, at.created, at.place).Scan(&r.CreatedAt, &r.Timestamp, &r.Source, &r.Payload)
			if errors.Is(err, pgx.ErrNoRows) { // its identity is there
				err = store.ErrDropped
			}
			r.CreatedAt, r.Timestamp = r.CreatedAt.UTC(), r.Timestamp.UTC()
			return r, err
		})
	})
}

// address is where the data of an event is, and its position in the order. Tick is 0
// if the event is in no tick yet.
type address struct {
	topic    int32
	created  time.Time
	place    int32
	position store.Position
}

// locate returns the address of the event with a key.
func (s *Store) locate(ctx context.Context, key event.Key) (address, error) {
	return withReader(ctx, s, func(r reader) (at address, err error) {
		var commit, number *uint64
		var base, fingerprint *int32
		err = r.QueryRow(ctx, s.queries.commitOfEvent, key.Topic, appendKey(nil, key.ID)).
			Scan(&at.topic, &at.created, &at.place, &commit, &base, &number, &fingerprint)
		if err == nil && commit != nil && number != nil {
			at.position = store.Position{Tick: *number, Commit: *commit, Seq: uint32(at.place & placeMask), Fingerprint: uint32(*fingerprint)}
		}
		return at, err
	})
}

// Older implements [store.EventReader].
func (s *Store) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	const attempted = "read older events"
	p, err := call(ctx, s, attempted, func() (*page, error) {
		last, err := s.lastTick(ctx)
		if err != nil {
			return nil, err
		}
		return withReader(ctx, s, func(r reader) (*page, error) {
			if before.IsZero() {
				before = last.end()
			}
			err := s.checkPosition(ctx, r, before, last)
			if err != nil && !errors.Is(err, store.ErrDropped) { // what was dropped is left out
				return nil, err
			}
			p := newPage(filter, limit, true, normal(before))
			last.kept.clip(p)
			return p, s.fill(ctx, r, p, last)
		})
	})
	if err != nil {
		return nil, false, err
	}
	return p.records, p.more, nil
}

// Newer implements [store.EventReader]. It makes a tick of what was committed, and
// then reads the events up to that tick, which can't change any more.
func (s *Store) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	const attempted = "read newer events"
	var last head
	p, err := call(ctx, s, attempted, func() (p *page, err error) {
		for undisturbed := false; !undisturbed && err == nil; {
			p, undisturbed, err = s.readNewer(ctx, filter, after, limit, &last)
		}
		return p, err
	})
	switch {
	case err != nil:
		return nil, after, err
	case p.more:
		return p.records, p.records[len(p.records)-1].Position, nil
	case last.end().Compare(after) > 0: // skip what the filter left out
		return p.records, last.end(), nil
	default:
		return p.records, after, nil
	}
}

// readNewer reads a page of newer events. It is not complete if retention has dropped
// events meanwhile.
func (s *Store) readNewer(ctx context.Context, filter store.Filter, after store.Position, limit int, last *head) (p *page, undisturbed bool, err error) {
	if *last, err = s.lastTick(ctx); err != nil {
		return nil, false, err
	}
	p, err = withReader(ctx, s, func(r reader) (*page, error) {
		if !after.IsZero() {
			if err := s.checkPosition(ctx, r, after, *last); err != nil {
				return nil, fmt.Errorf("after %w", err)
			}
		}
		p := newPage(filter, limit, false, after)
		last.kept.clip(p)
		if err := s.fill(ctx, r, p, *last); err != nil {
			return nil, err
		}
		if undisturbed = p.from == after && filter.ID == ""; undisturbed { // nothing new was looked for
			return p, nil
		}
		undisturbed, err = s.undisturbed(ctx, r, last.kept)
		return p, err
	})
	return p, undisturbed, err
}

// StableHead implements [store.EventReader].
func (s *Store) StableHead(ctx context.Context) (store.Position, error) {
	return call(ctx, s, "read the newest position", func() (store.Position, error) {
		last, err := s.lastTick(ctx)
		return last.end(), err
	})
}

// orNull is the value of a filter, and null if the filter is not set.
func orNull[T comparable](value T) *T {
	var unset T
	if value == unset {
		return nil
	}
	return &value
}
