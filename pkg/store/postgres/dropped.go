package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/store"
)

// kept is what retention has left, as a call found it.
type kept struct {
	drops uint64 // partitions that were dropped so far
	first uint64 // the first tick that has events
	// from is the time from which on everything was kept, nil before the first drop.
	from *time.Time
}

// clip leaves out of a page what was dropped: its transactions may still be in the log,
// and reading them would take long.
func (k kept) clip(p *page) {
	if k.from != nil && p.filter.Since.Before(*k.from) {
		p.filter.Since = *k.from
	}
	if !p.older && p.from.Tick < k.first {
		p.from = store.Position{Tick: k.first}
	}
	p.first = k.first
}

// checkPosition returns [store.ErrForeignPosition] if the store has not returned the
// position, and a [store.DroppedError] if events after it were dropped since then.
//
// A drop changes the fingerprints of those ticks that have both dropped events and
// others. So a position with the old fingerprint is one from before the drop.
func (s *Store) checkPosition(ctx context.Context, r reader, at store.Position, last head) error {
	if at.Compare(last.end()) > 0 {
		return fmt.Errorf("%v is after all events: %w", at, store.ErrForeignPosition)
	}
	number := tickOf(at)
	switch {
	case at.Fingerprint == 0 && at.Tick >= last.kept.first: // a cursor without one is not checked
		return nil
	case at.Fingerprint == last.fingerprint && number == last.number:
		return nil
	}
	var found, was *int32
	err := r.QueryRow(ctx, s.queries.tick, number).Scan(&found, &was)
	missing := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !missing {
		return err
	}
	switch {
	case missing && number+1 < last.kept.first, at.Fingerprint == 0: // the tick is deleted
		return s.checkDropped(ctx, r, at, at)
	case missing:
		return at.Check(0)
	case at.Fingerprint == uint32(*found) && number+1 >= last.kept.first:
		return nil
	case at.Fingerprint == uint32(*found), was != nil && at.Fingerprint == uint32(*was):
		now := at
		now.Fingerprint = uint32(*found)
		return s.checkDropped(ctx, r, at, now)
	default:
		return at.Check(uint32(*found))
	}
}

// checkDropped returns a [store.DroppedError] if events after the position at were
// dropped. now is the same position with its present fingerprint.
func (s *Store) checkDropped(ctx context.Context, r reader, at, now store.Position) error {
	var gone, start store.Position
	if err := r.QueryRow(ctx, s.queries.dropped).Scan(&start.Tick, &start.Fingerprint, &gone.Tick, &gone.Commit, &gone.Seq); err != nil {
		return err
	}
	if at.Compare(gone) >= 0 {
		return nil
	}
	next := now
	if tickOf(at)+1 < start.Tick {
		next = start
	}
	return &store.DroppedError{After: at, Next: next}
}

// undisturbed reports whether nothing was dropped since a call has read what there is.
func (s *Store) undisturbed(ctx context.Context, r reader, since kept) (bool, error) {
	var drops uint64
	err := r.QueryRow(ctx, s.queries.drops).Scan(&drops)
	return drops == since.drops, err
}
