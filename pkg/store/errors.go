package store

import (
	"errors"
	"time"
)

// The errors of every implementation. Match them with [errors.Is]; the text of
// the wrapping error says what failed.
var (
	// ErrUnavailable means that the store can't be reached or can't work at
	// present. It is temporary: wait and append again.
	ErrUnavailable = errors.New("store unavailable")
	// ErrNotReached is added to ErrUnavailable if the append certainly stored
	// nothing: it was not sent, or the database rolled it back.
	ErrNotReached = errors.New("nothing stored")
	// ErrInternal is added to ErrUnavailable if the failure may concern these
	// events only, for example because of a damaged page. Other events may be
	// stored.
	ErrInternal = errors.New("internal error")
	// ErrOverloaded means that a limit is reached. Nothing was stored. Try
	// again after [RetryAfter].
	ErrOverloaded = errors.New("overloaded")
	// ErrRejected means that the database refuses the data itself. The same
	// events can never be stored. Nothing of the append was stored.
	ErrRejected = errors.New("rejected by the store")
	// ErrNotFound means that there is no such event.
	ErrNotFound = errors.New("not found")
	// ErrDropped means that retention has dropped the data of an event, or of events
	// after a position. See [DroppedError].
	ErrDropped = errors.New("dropped by retention")
	// ErrForeignPosition means that a position does not belong to the store's
	// data, or does not any more: it is another database, or the database was
	// emptied or restored from a backup. It is impossible to know what comes
	// after the position. Start again from [EventReader].StableHead.
	ErrForeignPosition = errors.New("cursor does not belong to this data")
	// ErrNotDurable means that the queue can be reached but could lose events if
	// its server fails. Nothing was stored. The wrapping error names the setting
	// to change.
	ErrNotDurable = errors.New("queue is not durable")
	// ErrClosed means that the store was closed before the call.
	ErrClosed = errors.New("store closed")
)

// NotReached adds [ErrNotReached] to an error. The text stays the same because
// the error can also come from a ping or a read, which store nothing.
func NotReached(err error) error { return &notReachedError{err} }

type notReachedError struct{ error }

// Unwrap returns the error and ErrNotReached.
func (e *notReachedError) Unwrap() []error { return []error{e.error, ErrNotReached} }

// NothingStored reports whether a failed append certainly stored nothing.
func NothingStored(err error) bool {
	return errors.Is(err, ErrOverloaded) || errors.Is(err, ErrNotReached) || errors.Is(err, ErrNotDurable)
}

// Temporary reports whether the same call may succeed later.
func Temporary(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded)
}

// RetryError is an error with the time to wait before the next attempt.
type RetryError struct {
	// Err is the reason, usually [ErrOverloaded] or [ErrUnavailable].
	Err error
	// After is the time after which an attempt is likely to succeed.
	After time.Duration
}

// Error returns the text of Err.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *RetryError) Unwrap() error { return e.Err }

// RetryAfter returns the wait of the [RetryError] in err, or fallback if there is
// none.
func RetryAfter(err error, fallback time.Duration) time.Duration {
	if retry, ok := errors.AsType[*RetryError](err); ok {
		return retry.After
	}
	return fallback
}
