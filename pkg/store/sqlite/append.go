package sqlite

import (
	"context"
	stdsql "database/sql"
	"math"
	"sync/atomic"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Append implements [store.Appender] with one transaction. Appends run one after
// the other, in the order of their calls.
func (s *Store) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	return call(ctx, s, "append events", func() (outcomes []event.Outcome, err error) {
		if len(events) == 0 {
			return nil, nil
		}
		err = s.transact(ctx, func(t *transaction) (err error) {
			outcomes, err = t.append(events)
			return err
		})
		return outcomes, err
	})
}

// transact calls work in a transaction and commits it.
func (s *Store) transact(ctx context.Context, work func(*transaction) error) error {
	if err := s.intact(ctx); err != nil {
		return store.NotReached(err)
	}
	if err := s.commit(ctx, work); err != nil {
		s.failed.Store(true)
		return err
	}
	s.failed.Store(false)
	// A WAL that was removed meanwhile does not have the commit on the disk.
	return s.intact(ctx)
}

// commit runs the transaction.
func (s *Store) commit(ctx context.Context, work func(*transaction) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	// After a commit this does nothing. Its only error is a lost connection, and
	// then the transaction is lost, too.
	defer func() { _ = tx.Rollback() }()
	// A context that can end costs the driver a goroutine for each statement, so
	// the statements get one that can't. The transaction has the caller's context:
	// when that ends it is rolled back, and the next statement fails.
	t := transaction{ctx: context.WithoutCancel(ctx), tx: tx, statements: &s.append, now: s.now().UnixMicro(), repeated: &s.repeated}
	if err := work(&t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.reports.Record(t.events, t.outcomes, t.differing)
	return nil
}

// transaction is one running append or receive.
type transaction struct {
	ctx        context.Context //nolint:containedctx // lives as long as one call of transact
	tx         *stdsql.Tx
	statements *appendStatements
	now        int64        // microseconds since 1970
	repeated   *atomic.Bool // see Store.repeated

	// The events that the transaction has appended, their outcomes, and by index the
	// members in which conflicts differ.
	events    []event.Event
	outcomes  []event.Outcome
	differing map[int][]string
}

// run runs a statement and returns the number of changed rows.
func run(ctx context.Context, prepared *stdsql.Stmt, arguments ...any) (int64, error) {
	result, err := prepared.ExecContext(ctx, arguments...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// probeBytes is the size of a probe. With less, a probe could fit into the last free
// space of a disk that is too full for events.
const probeBytes = 64 << 10

// probe writes to the disk and changes nothing: it inserts a row and deletes it. An
// update with the same values would not do, because SQLite skips such a write.
func (t *transaction) probe() error {
	remember := t.tx.StmtContext(t.ctx, t.statements.remember)
	defer func() { _ = remember.Close() }()
	if _, err := run(t.ctx, remember, make([]byte, probeBytes), int64(math.MinInt64)); err != nil {
		return err
	}
	forget := t.tx.StmtContext(t.ctx, t.statements.forget)
	defer func() { _ = forget.Close() }()
	_, err := run(t.ctx, forget, int64(math.MinInt64+1))
	return err
}
