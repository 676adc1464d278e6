package store

import (
	"context"
	"fmt"
	"time"
)

// Retention says which data is too old. A zero time keeps all.
type Retention struct {
	// DataBefore is the time before which events lose their data: what
	// [EventReader] returns. Their identities stay.
	DataBefore time.Time
	// IdentitiesBefore is the time before which identities are deleted, at or before
	// DataBefore. An event that comes again after that is stored once more.
	IdentitiesBefore time.Time
}

// Retained is what one step of [Retainer].Retain has dropped.
type Retained struct {
	// Events is the number of events that lost their data.
	Events int64
	// Identities is the number of identities that were deleted.
	Identities int64
	// LogRows is the number of other rows about dropped events that were deleted.
	LogRows int64
	// More is set if the next call may find something to drop.
	More bool
	// Blocked is set if a transaction of another program, such as a report or a dump,
	// uses what should be dropped. Nothing waits for it. Try again later.
	Blocked bool
}

// Holdings is what a store holds.
type Holdings struct {
	// Oldest is about when the oldest event that has its data was stored. It is zero if
	// there is none.
	Oldest time.Time
	// Parts are the parts of the data in the order of time. A store drops whole parts. A
	// part without events may be for later ones.
	Parts []Part
	// IdentityBytes and LogBytes are the sizes of what stays when data is dropped: keys,
	// and the rows that keep the order of the events. They are 0 if the store can't
	// measure them apart from the data.
	IdentityBytes int64
	LogBytes      int64
}

// Part is a part of the data that is dropped as a whole.
type Part struct {
	// From (inclusive) and Until (exclusive) bound [Record].CreatedAt.
	From, Until time.Time
	// Events is the number of events.
	Events int64
	// Bytes is the size on the disk.
	Bytes int64
	// Droppable is set if the whole part is older than [Retention].DataBefore.
	Droppable bool
}

// Retainer drops old data. The counters of [StatsReader] keep counting what was ever
// stored, except [Stats].Kept.
type Retainer interface {
	// Retain drops a bounded part of what is too old, and returns what it was. Call it
	// again while the result has More. An append waits for a step at
	// most as long as for a slow append. A crash undoes a step or leaves it complete.
	//
	// It never drops data that is younger. It may keep data longer: a store drops parts
	// of the data as a whole, and in its order. Of several instances one at a time works;
	// for the others the result is empty.
	//
	// A repeat of an event without data is [event.Duplicate] as before, as long as its
	// identity is there.
	Retain(ctx context.Context, retention Retention) (Retained, error)

	// Holdings returns what the store holds, and which parts Retain would drop. The time
	// of a call does not depend on the number of events, except in a store with one part,
	// if DataBefore is set.
	Holdings(ctx context.Context, retention Retention) (Holdings, error)
}

// DroppedError is an [ErrDropped] of [EventReader].Newer.
type DroppedError struct {
	// After is the position that the caller gave to Newer.
	After Position
	// Next is the position to go on from: Newer from there returns every later event that
	// was not dropped.
	Next Position
}

// Error implements error.
func (e *DroppedError) Error() string {
	return fmt.Sprintf("%v: events after this position were dropped by retention (go on from %v)", e.After, e.Next)
}

// Unwrap returns [ErrDropped].
func (e *DroppedError) Unwrap() error { return ErrDropped }
