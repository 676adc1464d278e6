package cmd

import (
	"errors"
	"fmt"
)

// errServed is returned by serve after a clean shutdown by signal.
var errServed = errors.New("stopped by signal")

// usageError is the error of an invalid command line: exit code 2.
type usageError struct {
	err  error
	hint string
}

// Error returns the message without the hint.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *usageError) Unwrap() error { return e.err }

// Hint returns the line below the message.
func (e *usageError) Hint() string { return e.hint }

// checkError is the error of a requested check that failed: exit code 3.
type checkError struct{ err error }

// Error returns the message.
func (e *checkError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *checkError) Unwrap() error { return e.err }

// hintError adds to an error what the reader can do about it.
type hintError struct {
	err  error
	hint string
}

// withHint adds a hint to err.
func withHint(err error, format string, args ...any) error {
	return &hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

// Error returns the message without the hint.
func (e *hintError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *hintError) Unwrap() error { return e.err }

// Hint returns the line below the message.
func (e *hintError) Hint() string { return e.hint }
