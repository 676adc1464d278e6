package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// logStep is about the number of log rows that a step of retention deletes: some
	// tens of milliseconds of work.
	logStep = 5000
	// identityStep is the number of pages of identities that a step reads, 8 KiB each.
	identityStep = 512
	// lockNotAvailable is the SQLSTATE after lock_timeout.
	lockNotAvailable = "55P03"
)

// Retain implements [store.Retainer]: it drops a partition, or deletes some rows of the
// log of dropped events, or some identities.
func (s *Store) Retain(ctx context.Context, retention store.Retention) (store.Retained, error) {
	return call(ctx, s, "drop old data", func() (store.Retained, error) {
		if err := ctx.Err(); err != nil {
			return store.Retained{}, err
		}
		if !retention.DataBefore.IsZero() {
			dropped, err := s.dropPartition(ctx, retention.DataBefore)
			if err != nil || dropped.More || dropped.Blocked {
				return dropped, err
			}
		}
		if dropped, err := s.dropDetached(ctx); err != nil || dropped.Blocked {
			return dropped, err
		}
		if deleted, err := s.dropLog(ctx); err != nil || deleted.More {
			return deleted, err
		}
		if retention.IdentitiesBefore.IsZero() {
			return store.Retained{}, nil
		}
		return s.dropIdentities(ctx, retention.IdentitiesBefore)
	})
}

// States of the functions in the database.
const (
	stateDropped = "dropped"
	stateAgain   = "again"
	stateBusy    = "busy"
)

// dropPartition detaches the oldest partition if all of it is old. The database checks
// that all of its events are in a tick and are folded, under the lock that keeps others
// away.
func (s *Store) dropPartition(ctx context.Context, before time.Time) (store.Retained, error) {
	var droppable bool
	if err := s.readers.QueryRow(ctx, s.queries.droppable, before).Scan(&droppable); err != nil || !droppable {
		return store.Retained{}, err
	}
	for range maxAttempts {
		if _, err := s.lastTick(ctx); err != nil {
			return store.Retained{}, err
		}
		if err := s.fold(ctx); err != nil {
			return store.Retained{}, err
		}
		var state string
		var dropped store.Retained
		err := s.retain(ctx, func(tx pgx.Tx) (bool, error) {
			err := tx.QueryRow(ctx, s.queries.dropPartition, before).Scan(&state, &dropped.Events)
			return state == stateDropped, err
		})
		switch {
		case blocked(err):
			return store.Retained{Blocked: true}, nil
		case err != nil:
			return store.Retained{}, err
		case state != stateAgain:
			dropped.More = state == stateDropped
			return dropped, nil
		}
	}
	return store.Retained{Blocked: true}, nil // another instance folds all the time
}

// dropDetached drops the tables of detached partitions, which have no readers any more
// except those that began before.
func (s *Store) dropDetached(ctx context.Context) (store.Retained, error) {
	var dropped int
	err := s.writers.QueryRow(ctx, s.queries.dropDetached).Scan(&dropped)
	if blocked(err) {
		return store.Retained{Blocked: true}, nil
	}
	return store.Retained{}, err
}

// blocked reports whether a step did not get a lock.
func blocked(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == lockNotAvailable
}

// retain runs a step in a transaction and commits it if the step says so. A crash may
// lose the COMMIT: the step is done again then. So appends, which wait for the locks of
// the step, do not wait for the disk.
func (s *Store) retain(ctx context.Context, step func(pgx.Tx) (commit bool, err error)) error {
	tx, err := s.writers.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.queries.writerBegin})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
		return err
	}
	if commit, err := step(tx); err != nil || !commit {
		return err
	}
	return tx.Commit(ctx)
}

// dropLog deletes rows of the log of dropped events.
func (s *Store) dropLog(ctx context.Context) (deleted store.Retained, err error) {
	err = s.retain(ctx, func(tx pgx.Tx) (bool, error) {
		var state string
		err := tx.QueryRow(ctx, s.queries.dropLog, logStep).Scan(&state, &deleted.LogRows)
		deleted.More = deleted.LogRows > 0
		return deleted.More, err
	})
	return deleted, err
}

// dropIdentities deletes the old identities in the next pages of their table. The
// process remembers the page; another instance starts again with the first one.
func (s *Store) dropIdentities(ctx context.Context, before time.Time) (deleted store.Retained, err error) {
	var pages int64
	if err := s.readers.QueryRow(ctx, s.queries.identityPages).Scan(&pages); err != nil {
		return deleted, err
	}
	page := s.identityPage.Load()
	if page >= pages {
		s.identityPage.Store(0)
		return deleted, nil
	}
	err = s.retain(ctx, func(tx pgx.Tx) (bool, error) {
		var state string
		err := tx.QueryRow(ctx, s.queries.dropIdentities, before, page, page+identityStep).Scan(&state, &deleted.Identities)
		deleted.More = state != stateBusy
		return deleted.Identities > 0, err
	})
	if err == nil && deleted.More {
		s.identityPage.Store(page + identityStep)
	}
	return deleted, err
}

// Holdings implements [store.Retainer].
func (s *Store) Holdings(ctx context.Context, retention store.Retention) (store.Holdings, error) {
	return read(ctx, s, "read what is stored", func(r reader) (held store.Holdings, err error) {
		var oldest *time.Time
		if err := r.QueryRow(ctx, s.queries.holdings).Scan(&oldest, &held.IdentityBytes, &held.LogBytes); err != nil {
			return held, err
		}
		rows, _ := r.Query(ctx, s.queries.holdingsParts) // CollectRows returns the error
		held.Parts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (part store.Part, err error) {
			err = row.Scan(&part.From, &part.Until, &part.Events, &part.Bytes)
			part.From, part.Until = part.From.UTC(), part.Until.UTC()
			part.Droppable = !part.Until.After(retention.DataBefore)
			return part, err
		})
		held.Oldest = oldestOf(held.Parts, oldest)
		return held, err
	})
}

// oldestOf returns the time of the oldest event: that of the first tick, unless this is
// about a dropped event, or there is no tick yet.
func oldestOf(parts []store.Part, ticked *time.Time) time.Time {
	for _, part := range parts {
		switch {
		case part.Events == 0:
		case ticked != nil && ticked.After(part.From):
			return ticked.UTC()
		default:
			return part.From
		}
	}
	return time.Time{}
}
