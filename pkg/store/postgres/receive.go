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

// Receive implements [store.Receiver] with one transaction in two round trips. The
// first is BEGIN and the deliveries, and returns which of them are new. The second
// is the events of the new deliveries and COMMIT.
//
// All transactions lock in the same order, so that no two wait for each other:
// deliveries by ID, topics by name, events by key, shards by number. Append starts
// with the topics or the events. Forget locks only committed rows, and waits only for another
// Forget, which finds the same rows in the same order.
//
// Like Append it retries only if the transaction was certainly rolled back. After
// other errors the caller retries, because an outage may last long.
func (s *Store) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	defer s.changed.Store(true)
	received, err := call(ctx, s, "receive deliveries", func() (store.Received, error) {
		if err := ctx.Err(); err != nil || len(deliveries) == 0 {
			return store.Received{}, err
		}
		done, err := retryRolledBack(ctx, s, func() (receipt, error) { return s.receive(ctx, deliveries) })
		if err == nil { // the connection is free again: counting conflicts needs one
			s.findConflicts(ctx, done.events, &done.result)
			s.reports.Record(done.events, done.result.outcomes, done.result.differing)
		}
		return done.received(), err
	})
	s.sessions.appended(time.Now(), err)
	return received, err
}

// receipt is the result of a committed attempt: the events of the new deliveries with
// their outcomes, and the number of events of the others.
type receipt struct {
	events      []event.Event
	result      batchResult
	redelivered int64
}

func (r receipt) received() store.Received {
	received := store.Received{Redelivered: r.redelivered}
	for _, outcome := range r.result.outcomes {
		if outcome == event.Stored {
			received.Stored++
		}
	}
	received.Duplicates = int64(len(r.result.outcomes)) - received.Stored
	return received
}

// receive is one attempt of Receive.
func (s *Store) receive(ctx context.Context, deliveries []store.Delivery) (done receipt, err error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return done, err
	}
	// A failed transaction is rolled back before its error is returned. If that
	// fails, too, the pool closes the connection, which rolls it back as well.
	defer func() {
		if conn.Conn().PgConn().TxStatus() != idle {
			_, _ = conn.Exec(ctx, "ROLLBACK")
		}
		conn.Release()
	}()
	isNew, err := s.remember(ctx, conn.Conn(), deliveries)
	if err != nil {
		return done, err
	}
	done.events, done.redelivered = split(deliveries, isNew)
	if len(done.events) > placeMask {
		return done, errTooMany
	}
	done.result, err = s.appendAndCommit(ctx, conn.Conn(), done.events)
	return done, err
}

// idle is the status of a connection without a transaction.
const idle = 'I'

// remember begins a transaction, inserts the deliveries, and reports which of them
// are new. If several have the same ID, only the first is.
func (s *Store) remember(ctx context.Context, conn *pgx.Conn, deliveries []store.Delivery) (isNew []bool, err error) {
	indexes := make(map[store.DeliveryID]int, len(deliveries))
	ids, queued := make([][16]byte, 0, len(deliveries)), make([]time.Time, 0, len(deliveries))
	for i, d := range deliveries {
		if _, repeated := indexes[d.ID]; !repeated {
			indexes[d.ID] = i
			ids, queued = append(ids, d.ID), append(queued, d.QueuedAt)
		}
	}
	var batch pgx.Batch
	begin := []string{"BEGIN"}
	if s.pooled { // the session has unknown settings, so the transaction sets its own
		begin = []string{s.queries.writerBegin, s.queries.writerTransaction}
	}
	for _, statement := range begin {
		batch.Queue(statement)
	}
	batch.Queue(s.queries.remember, ids, queued)
	results := conn.SendBatch(ctx, &batch)
	defer func() {
		if errClose := results.Close(); err == nil {
			err = errClose
		}
	}()
	for range begin {
		if _, err := results.Exec(); err != nil {
			return nil, err
		}
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	isNew = make([]bool, len(deliveries))
	var id [16]byte
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		isNew[indexes[id]] = true
		return nil
	})
	return isNew, err
}

// split returns the events of the new deliveries, and the number of events of the
// others.
func split(deliveries []store.Delivery, isNew []bool) (events []event.Event, redelivered int64) {
	lists := make([][]event.Event, 0, len(deliveries))
	for i, d := range deliveries {
		if isNew[i] {
			lists = append(lists, d.Events)
		} else {
			redelivered += int64(len(d.Events))
		}
	}
	return slices.Concat(lists...), redelivered
}

// appendAndCommit stores events in the open transaction of the connection, and
// commits it.
func (s *Store) appendAndCommit(ctx context.Context, conn *pgx.Conn, events []event.Event) (batchResult, error) {
	if len(events) == 0 {
		_, err := conn.Exec(ctx, "COMMIT")
		return batchResult{}, err
	}
	c := s.takeColumns(events)
	defer s.putColumns(c)
	result := newBatchResult(c)
	var batch pgconn.Batch
	for _, each := range []statement{s.topicsStatement(c), s.appendStatement(c)} {
		if s.pooled {
			batch.ExecParams(each.text, each.params, nil, each.formats, binaryFormat())
		} else if err := s.prepareIn(ctx, conn, &batch, each); err != nil {
			return batchResult{}, err
		}
	}
	batch.ExecParams("COMMIT", nil, nil, nil, nil) // the server skips it if a statement fails
	if err := readLast(conn.PgConn().ExecBatch(ctx, &batch), 2, result.read); err != nil {
		return batchResult{}, err
	}
	return result, result.err
}

// Known implements [store.Receiver].
func (s *Store) Known(ctx context.Context, ids []store.DeliveryID) ([]bool, error) {
	return call(ctx, s, "look for deliveries", func() ([]bool, error) {
		raw, known := make([][16]byte, len(ids)), make([]bool, len(ids))
		for i, id := range ids {
			raw[i] = id
		}
		// It uses a writer, because readers may connect to a standby one day.
		rows, _ := s.writers.Query(ctx, s.queries.known, raw) // ForEachRow returns the error
		var id [16]byte
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			for i := range ids {
				known[i] = known[i] || ids[i] == id
			}
			return nil
		})
		return known, err
	})
}

// Forget implements [store.Receiver].
func (s *Store) Forget(ctx context.Context, queuedBefore time.Time) (int64, error) {
	return call(ctx, s, "forget deliveries", func() (int64, error) {
		done, err := s.writers.Exec(ctx, s.queries.forget, queuedBefore)
		return done.RowsAffected(), err
	})
}
