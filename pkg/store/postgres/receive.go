package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Receive implements [store.Receiver] with one transaction in two round trips:
// BEGIN and the deliveries, whose answer says which events are to be stored,
// then those events and COMMIT.
//
// Everybody locks in one order, so that no two wait for each other: deliveries
// by ID, events by key, counters by topic, the total. Append begins at the
// events. Forget holds nothing that it did not find committed, and waits for
// nobody but another Forget, which meets the same rows in the same order.
//
// It tries again by itself where Append does, after what was surely rolled
// back. Everything else is the caller's to try again: what it waits for may be
// away for long.
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

// receive is one try.
func (s *Store) receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return store.Received{}, err
	}
	// A failed transaction is ended before its error is answered. Where that
	// fails too the pool closes the connection, which ends it as well.
	defer func() {
		if conn.Conn().PgConn().TxStatus() != idle {
			_, _ = conn.Exec(ctx, "ROLLBACK")
		}
		conn.Release()
	}()
	fresh, err := s.remember(ctx, conn.Conn(), deliveries)
	if err != nil {
		return store.Received{}, err
	}
	events, redelivered := part(deliveries, fresh)
	outcomes, err := s.appendAndCommit(ctx, conn.Conn(), events)
	if err != nil {
		return store.Received{}, err
	}
	received := store.Received{Redelivered: redelivered}
	for _, outcome := range outcomes {
		if outcome == event.Stored {
			received.Stored++
		}
	}
	received.Duplicates = int64(len(outcomes)) - received.Stored
	return received, nil
}

// idle is the status of a connection that is in no transaction.
const idle = 'I'

// remember begins a transaction, notes the deliveries in it, and reports which
// of them are new: of those with one ID, the first.
func (s *Store) remember(ctx context.Context, conn *pgx.Conn, deliveries []store.Delivery) (fresh []bool, err error) {
	places := make(map[store.DeliveryID]int, len(deliveries))
	ids, queued := make([][16]byte, 0, len(deliveries)), make([]time.Time, 0, len(deliveries))
	for i, d := range deliveries {
		if _, repeated := places[d.ID]; !repeated {
			places[d.ID] = i
			ids, queued = append(ids, d.ID), append(queued, d.QueuedAt)
		}
	}
	var batch pgx.Batch
	begin := []string{"BEGIN"}
	if s.pooled { // the session is anybody's, so the transaction says itself what it rests on
		begin = []string{s.queries.writerBegin, s.queries.writerTransaction}
	}
	for _, statement := range begin {
		batch.Queue(statement)
	}
	batch.Queue(s.queries.remember, ids, queued)
	answers := conn.SendBatch(ctx, &batch)
	defer func() {
		if errClose := answers.Close(); err == nil {
			err = errClose
		}
	}()
	for range begin {
		if _, err := answers.Exec(); err != nil {
			return nil, err
		}
	}
	rows, err := answers.Query()
	if err != nil {
		return nil, err
	}
	fresh = make([]bool, len(deliveries))
	var id [16]byte
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		fresh[places[id]] = true
		return nil
	})
	return fresh, err
}

// part returns the events of the deliveries that are new, and how many the
// others have.
func part(deliveries []store.Delivery, fresh []bool) (events []event.Event, redelivered int64) {
	lists := make([][]event.Event, 0, len(deliveries))
	for i, d := range deliveries {
		if fresh[i] {
			lists = append(lists, d.Events)
		} else {
			redelivered += int64(len(d.Events))
		}
	}
	return slices.Concat(lists...), redelivered
}

// appendAndCommit stores events in the transaction that the connection is in,
// and commits it.
func (s *Store) appendAndCommit(ctx context.Context, conn *pgx.Conn, events []event.Event) ([]event.Outcome, error) {
	if len(events) == 0 {
		_, err := conn.Exec(ctx, "COMMIT")
		return nil, err
	}
	c := s.takeColumns(events)
	defer s.putColumns(c)
	var batch pgconn.Batch
	if s.pooled {
		batch.ExecParams(s.queries.append, c.encode(), nil, binaryFormat(), binaryFormat())
	} else {
		statement, err := s.prepareAppend(ctx, conn)
		if err != nil {
			return nil, err
		}
		batch.ExecPrepared(statement, c.encode(), binaryFormat(), binaryFormat())
	}
	batch.ExecParams("COMMIT", nil, nil, nil, nil) // which the server leaves out where the statement fails
	answers := conn.PgConn().ExecBatch(ctx, &batch)
	places := newPlaces(c.count)
	if answers.NextResult() {
		for answer := answers.ResultReader(); answer.NextRow(); {
			places.read(answer.Values())
		}
	}
	// What is wrong shows at the end, be it of the statement or of the COMMIT.
	if err := answers.Close(); err != nil {
		return nil, err
	}
	if places.stray {
		return nil, errPlace
	}
	return places.outcomes, nil
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
