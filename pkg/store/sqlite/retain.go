package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// dropRows and dropBytes bound a step of retention: appends wait for it.
	dropRows  = 500
	dropBytes = 4 << 20
	// identityRows is the number of identities that a step reads.
	identityRows = 2000
	// vacuumPages is the number of free pages that a step returns to the file system, and
	// freeShare the share of the file that stays free for later events: moving pages
	// costs writes.
	vacuumPages = 256
	freeShare   = 8
)

// identityWalk is where retention is in the table of identities.
type identityWalk struct {
	topic int64
	key   any
	// limit is the id before which identities are deleted, 0 before the start.
	limit int64
}

// Retain implements [store.Retainer]. It drops the data of the oldest events in the
// order of the store, up to the first one that is young. So an event with a wrong time
// in the future, and those after it, stay for longer.
func (s *Store) Retain(ctx context.Context, retention store.Retention) (store.Retained, error) {
	return call(ctx, s, "drop old data", func() (dropped store.Retained, err error) {
		if !retention.DataBefore.IsZero() {
			if dropped, err = s.dropEvents(ctx, retention.DataBefore); err != nil || dropped.More {
				return dropped, err
			}
		}
		if !retention.IdentitiesBefore.IsZero() {
			if dropped, err = s.dropIdentities(ctx, retention.IdentitiesBefore); err != nil || dropped.More {
				return dropped, err
			}
		}
		if retention != (store.Retention{}) {
			dropped.More, err = s.vacuum(ctx)
		}
		return dropped, err
	})
}

// dropEvents deletes the data of some old events and counts them.
func (s *Store) dropEvents(ctx context.Context, before time.Time) (dropped store.Retained, err error) {
	limit := ceilMicros(before)
	if old, err := s.hasOld(ctx, limit); err != nil || !old {
		return dropped, err
	}
	err = s.transact(ctx, func(t *transaction) error {
		last, at, err := t.oldest(limit)
		if err != nil || last == 0 {
			return err
		}
		if dropped.Events, err = t.run(t.statements.dropEvents, last); err != nil {
			return err
		}
		dropped.More = true
		_, err = t.run(t.statements.dropTotal, dropped.Events, last, at)
		return err
	})
	return dropped, err
}

// hasOld reports whether the oldest event with data is too old. Most calls find none, and
// need no transaction.
func (s *Store) hasOld(ctx context.Context, limit int64) (bool, error) {
	var id, created, bytes int64
	err := s.read.oldest.QueryRowContext(ctx, 1).Scan(&id, &created, &bytes)
	if errors.Is(err, stdsql.ErrNoRows) {
		return false, nil
	}
	return err == nil && created < limit, err
}

// oldest returns the id of the last event of a step, and when it was stored.
func (t *transaction) oldest(limit int64) (last, at int64, failed error) {
	statement := t.tx.StmtContext(t.ctx, t.statements.oldest)
	defer func() { _ = statement.Close() }()
	rows, err := statement.QueryContext(t.ctx, dropRows)
	if err != nil {
		return 0, 0, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	for size := int64(0); size < dropBytes && rows.Next(); {
		var id, created, bytes int64
		if err := rows.Scan(&id, &created, &bytes); err != nil {
			return 0, 0, err
		}
		if created >= limit {
			break
		}
		last, at, size = id, created, size+bytes
	}
	return last, at, rows.Err()
}

// run runs a statement of the transaction and returns the number of changed rows.
func (t *transaction) run(prepared *stdsql.Stmt, arguments ...any) (int64, error) {
	statement := t.tx.StmtContext(t.ctx, prepared)
	defer func() { _ = statement.Close() }()
	return run(t.ctx, statement, arguments...)
}

// dropIdentities deletes old identities among the next ones of the table. Identities
// have no time: that of their events is known by blocks of ids.
func (s *Store) dropIdentities(ctx context.Context, before time.Time) (dropped store.Retained, err error) {
	s.walking.Lock()
	defer s.walking.Unlock()
	walk := &s.walk
	if walk.limit == 0 {
		if *walk, err = s.beginWalk(ctx, before); err != nil || walk.limit == 0 {
			return dropped, err
		}
	}
	rows, err := s.read.nextIdentities.QueryContext(ctx, walk.topic, walk.key, identityRows)
	type identity struct {
		topic, event int64
		key          any
	}
	next, err := collect(rows, err, func(from row) (i identity, err error) {
		err = from.Scan(&i.topic, &i.key, &i.event)
		return i, err
	})
	if err != nil {
		return dropped, err
	}
	old := make([]identity, 0, len(next))
	for _, i := range next {
		if i.event < walk.limit {
			old = append(old, i)
		}
	}
	ended := len(next) < identityRows
	if len(old) > 0 || ended {
		err = s.transact(ctx, func(t *transaction) error {
			for _, i := range old {
				deleted, err := t.run(t.statements.dropIdentity, i.topic, i.key, i.event)
				if dropped.Identities += deleted; err != nil {
					return err
				}
			}
			if !ended {
				return nil
			}
			_, err := t.run(t.statements.dropTimes, walk.limit>>blockBits)
			return err
		})
	}
	switch {
	case err != nil:
		return store.Retained{}, err
	case ended:
		*walk = identityWalk{}
	default:
		walk.topic, walk.key = next[len(next)-1].topic, next[len(next)-1].key
	}
	dropped.More = !ended
	return dropped, nil
}

// beginWalk returns the start of the table of identities, with the limit 0 if none of
// them is old.
func (s *Store) beginWalk(ctx context.Context, before time.Time) (identityWalk, error) {
	var block stdsql.NullInt64
	if err := s.read.oldBlocks.QueryRowContext(ctx, ceilMicros(before)).Scan(&block); err != nil {
		return identityWalk{}, err
	}
	newest, err := s.newest(ctx, store.Position{})
	if err != nil {
		return identityWalk{}, err
	}
	limit := newest.droppedID + 1
	if block.Valid {
		limit = min(limit, block.Int64<<blockBits)
	}
	if limit <= s.walked {
		limit = 0
	} else {
		s.walked = limit
	}
	return identityWalk{key: "", limit: limit}, nil
}

// vacuum returns free pages to the file system, if there are many, and reports whether
// there may be more.
func (s *Store) vacuum(ctx context.Context) (more bool, err error) {
	var free, pages int64
	if err := s.writer.QueryRowContext(ctx, "SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count").Scan(&free, &pages); err != nil {
		return false, err
	}
	if free <= max(vacuumPages, pages/freeShare) {
		return false, nil
	}
	rows, err := s.writer.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	moved := func(row) (struct{}, error) { return struct{}{}, nil } // each step moves a page
	if _, err := collect(rows, err, moved); err != nil {
		return false, err
	}
	var now int64
	err = s.writer.QueryRowContext(ctx, "SELECT freelist_count FROM pragma_freelist_count").Scan(&now)
	return now < free, err // a file of an earlier version keeps its free pages
}

// Holdings implements [store.Retainer]. The parts are the events that would be dropped,
// if there are any, and the others.
func (s *Store) Holdings(ctx context.Context, retention store.Retention) (store.Holdings, error) {
	return call(ctx, s, "read what is stored", func() (held store.Holdings, err error) {
		var oldest, newest stdsql.NullInt64
		var events, bytes int64
		if err := s.read.holdings.QueryRowContext(ctx).Scan(&oldest, &newest, &events, &bytes); err != nil {
			return held, err
		}
		kept := store.Part{Events: events, Bytes: bytes}
		if !oldest.Valid {
			held.Parts = []store.Part{kept}
			return held, nil
		}
		held.Oldest = timeOf(oldest.Int64)
		kept.From, kept.Until = held.Oldest, timeOf(newest.Int64+1)
		if old := retention.DataBefore; !old.IsZero() && held.Oldest.Before(old) {
			part := store.Part{From: held.Oldest, Until: old.UTC(), Droppable: true}
			var first stdsql.NullInt64
			if err := s.read.firstKept.QueryRowContext(ctx, ceilMicros(old)).Scan(&first, &part.Events); err != nil {
				return held, err
			}
			part.Bytes = int64(math.Round(float64(bytes) * float64(part.Events) / float64(max(events, 1))))
			held.Parts = append(held.Parts, part)
			kept.From, kept.Events, kept.Bytes = part.Until, events-part.Events, bytes-part.Bytes
		}
		held.Parts = append(held.Parts, kept)
		return held, nil
	})
}
