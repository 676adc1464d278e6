package cmd

import (
	"errors"
	"fmt"
)

// errServed says that serve was asked to stop, and has stopped in good order.
var errServed = errors.New("stopped as asked")

// usageError is a command line that can't be understood: exit code 2.
type usageError struct {
	err  error
	hint string
}

// Error is the message of what happened.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns what happened.
func (e *usageError) Unwrap() error { return e.err }

// Hint is what complain writes below the message.
func (e *usageError) Hint() string { return e.hint }

// checkError is a check that was asked for and doesn't hold: exit code 3.
type checkError struct{ err error }

// Error is the message of what happened.
func (e *checkError) Error() string { return e.err.Error() }

// Unwrap returns what happened.
func (e *checkError) Unwrap() error { return e.err }

// hintError adds to an error what the reader can do about it, on a line of its
// own.
type hintError struct {
	err  error
	hint string
}

// withHint adds a hint to err.
func withHint(err error, format string, args ...any) error {
	return &hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

// Error is the message of what happened.
func (e *hintError) Error() string { return e.err.Error() }

// Unwrap returns what happened.
func (e *hintError) Unwrap() error { return e.err }

// Hint is what complain writes below the message.
func (e *hintError) Hint() string { return e.hint }
