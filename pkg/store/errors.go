package store

import (
	"errors"
	"time"
)

// The errors that every implementation translates its own into. Match them
// with [errors.Is]; the message of the wrapping error says what was attempted.
var (
	// ErrUnavailable says that the store can't be reached or can't work now.
	// It may pass: wait and append again.
	ErrUnavailable = errors.New("store unavailable")
	// ErrNotReached says, beside ErrUnavailable, that of this append nothing is
	// stored or will be: it was not sent, or the database took all of it back.
	ErrNotReached = errors.New("nothing stored")
	// ErrInternal says, beside ErrUnavailable, that the store failed in a way that
	// may concern these events only, as a damaged page does. Others may be stored.
	ErrInternal = errors.New("internal error")
	// ErrOverloaded says that more is waiting than the bounds allow. Nothing
	// was taken. It is worth waiting for [RetryAfter].
	ErrOverloaded = errors.New("overloaded")
	// ErrRejected says that the database refuses the data itself: the same
	// events can never be stored. Nothing of the append was.
	ErrRejected = errors.New("rejected by the store")
	// ErrNotFound says that there is no such event.
	ErrNotFound = errors.New("not found")
	// ErrForeignPosition says that a position is not one of the store's data, or no
	// longer: the database is another one, or was emptied, or restored from a
	// backup. What is after the position there nobody can tell. Begin anew, from
	// [EventReader].StableHead.
	ErrForeignPosition = errors.New("cursor does not belong to this data")
	// ErrNotDurable says that the queue can be reached but could lose events if its
	// server fails. Nothing was stored. The wrapping error names the setting to change.
	ErrNotDurable = errors.New("queue is not durable")
	// ErrClosed says that the store was closed before the call.
	ErrClosed = errors.New("store closed")
)

// NotReached makes an error one that is also [ErrNotReached]. Its words stay as
// they are: of a ping, or of reading, nobody expects that anything was stored.
func NotReached(err error) error { return &notReachedError{err} }

type notReachedError struct{ error }

// Unwrap returns the error and what it is beside.
func (e *notReachedError) Unwrap() []error { return []error{e.error, ErrNotReached} }

// NothingStored reports whether a failed append certainly left nothing behind.
func NothingStored(err error) bool {
	return errors.Is(err, ErrOverloaded) || errors.Is(err, ErrNotReached) || errors.Is(err, ErrNotDurable)
}

// Temporary reports whether the same call may succeed later, all by itself.
func Temporary(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded)
}

// RetryError says how long to wait before trying again.
type RetryError struct {
	// Err is the reason, usually [ErrOverloaded] or [ErrUnavailable].
	Err error
	// After is the wait that gives the next attempt a fair chance.
	After time.Duration
}

// Error is the reason's message.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *RetryError) Unwrap() error { return e.Err }

// RetryAfter returns the wait that an error in err's tree asks for, or
// otherwise, where none does.
func RetryAfter(err error, otherwise time.Duration) time.Duration {
	if retry, ok := errors.AsType[*RetryError](err); ok {
		return retry.After
	}
	return otherwise
}
