package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Receive implements [store.Receiver] with one transaction. Deliveries are
// locked before keys and keys before counters, by everybody: those who append
// have no deliveries, so no two can wait for each other. It tries again as
// Append does, only after what was surely rolled back.
func (s *Store) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	const attempt = "receive deliveries"
	if err := s.enter(attempt); err != nil {
		return store.Received{}, err
	}
	defer s.life.RUnlock()
	if err := ctx.Err(); err != nil || len(deliveries) == 0 {
		return store.Received{}, err
	}
	for tries := 1; ; tries++ {
		received, err := s.receive(ctx, deliveries)
		if err == nil {
			return received, nil
		}
		if !rolledBack(err) || tries == maxAttempts {
			return store.Received{}, translate(ctx, err, attempt)
		}
	}
}

func (s *Store) receive(ctx context.Context, deliveries []store.Delivery) (received store.Received, err error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return received, err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return received, err
	}
	// After a commit this does nothing. Where it fails the connection is lost,
	// and the transaction with it.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	fresh, err := s.remember(ctx, tx, deliveries)
	if err != nil {
		return received, err
	}
	var events []event.Event
	for i := range deliveries {
		if fresh[i] {
			events = append(events, deliveries[i].Events...)
		} else {
			received.Redelivered += int64(len(deliveries[i].Events))
		}
	}
	if len(events) > 0 {
		outcomes, err := s.appendColumns(ctx, tx.Conn(), events)
		if err != nil {
			return received, err
		}
		for _, outcome := range outcomes {
			if outcome == event.Stored {
				received.Stored++
			}
		}
		received.Duplicates = int64(len(outcomes)) - received.Stored
	}
	return received, tx.Commit(ctx)
}

// remember notes the deliveries and reports which of them are new, the first of
// equal ones.
func (s *Store) remember(ctx context.Context, tx pgx.Tx, deliveries []store.Delivery) ([]bool, error) {
	places := make(map[store.DeliveryID]int, len(deliveries))
	var ids [][16]byte
	var queued []time.Time
	for i, d := range deliveries {
		if _, repeated := places[d.ID]; !repeated {
			places[d.ID] = i
			ids, queued = append(ids, d.ID), append(queued, d.QueuedAt)
		}
	}
	rows, err := tx.Query(ctx, s.queries.remember, ids, queued)
	if err != nil {
		return nil, err
	}
	fresh := make([]bool, len(deliveries))
	var id [16]byte
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		fresh[places[id]] = true
		return nil
	})
	return fresh, err
}

// appendColumns runs the statement of a batch on a connection, within whatever
// transaction it has.
func (s *Store) appendColumns(ctx context.Context, conn *pgx.Conn, events []event.Event) ([]event.Outcome, error) {
	c := s.takeColumns(events)
	defer s.putColumns(c)
	return s.appendOn(ctx, conn, c)
}

// Known implements [store.Receiver].
func (s *Store) Known(ctx context.Context, ids []store.DeliveryID) ([]bool, error) {
	const attempt = "look for deliveries"
	if err := s.enter(attempt); err != nil {
		return nil, err
	}
	defer s.life.RUnlock()
	raw := make([][16]byte, len(ids))
	for i, id := range ids {
		raw[i] = id
	}
	known := make([]bool, len(ids))
	// A writer is asked, as a reader's session might be on a standby one day.
	rows, err := s.writers.Query(ctx, s.queries.known, raw)
	if err == nil {
		var id [16]byte
		_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
			for i := range ids {
				known[i] = known[i] || ids[i] == id
			}
			return nil
		})
	}
	if err != nil {
		return nil, translate(ctx, err, attempt)
	}
	return known, nil
}

// Forget implements [store.Receiver].
func (s *Store) Forget(ctx context.Context, queuedBefore time.Time) (int64, error) {
	const attempt = "forget deliveries"
	if err := s.enter(attempt); err != nil {
		return 0, err
	}
	defer s.life.RUnlock()
	done, err := s.writers.Exec(ctx, s.queries.forget, queuedBefore)
	if err != nil {
		return 0, translate(ctx, err, attempt)
	}
	return done.RowsAffected(), nil
}
