package respond

import (
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Error is a request that a handler refuses, with its response.
type Error struct {
	Status int
	// Type and Title are those of the problem. If they are empty, the problem is only
	// its status.
	Type, Title string
	// Detail is a fixed text for the client. Nothing internal belongs in it.
	Detail string
	// Fields are the parameters or members that are wrong, nil for none.
	Fields []event.FieldError
	// Header and Value are one more header field, empty for none.
	Header, Value string
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// HintedError is a body that was refused and looks as if it was meant in another
// form. The hint only changes the text, never the status.
type HintedError struct {
	Err error
	// Hint continues a sentence that begins with "The body".
	Hint string
}

// Error returns the reason's message.
func (e *HintedError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *HintedError) Unwrap() error { return e.Err }

// ConflictError is an event that differs from the stored event with its key.
type ConflictError struct {
	// SentDigest and StoredDigest are those of [api.Problem].
	SentDigest, StoredDigest string
}

// Error says what happened to the event.
func (*ConflictError) Error() string {
	return "Another event is stored under this topic and event_id, and this one differs. It was counted as a duplicate and dropped. " +
		"Do not send it again; if it is another event, give it its own event_id."
}

// ErrBodyMemory is [store.ErrOverloaded] for the memory of request bodies.
var ErrBodyMemory = fmt.Errorf("memory for request bodies: %w", store.ErrOverloaded)

// ErrReadMemory is [store.ErrOverloaded] for the memory of responses to reads.
var ErrReadMemory = fmt.Errorf("memory for responses: %w", store.ErrOverloaded)

// PartialError is what ended a stream of lines after some were committed.
type PartialError struct {
	Err error
	// Committed is the last line for which the outcome is known: it and all before
	// it are committed, queued, or invalid. 0 is none.
	Committed int64
}

// Error returns the reason's message.
func (e *PartialError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *PartialError) Unwrap() error { return e.Err }

// detail says from which line the client must send again.
func (e *PartialError) detail() string {
	if e.Committed == 0 {
		return "No line is known to be committed; send all of them again."
	}
	return "The lines up to " + strconv.FormatInt(e.Committed, 10) +
		" are done: committed, queued, or invalid. Send the lines after it again."
}

// PanicError is what a handler panicked with, and its stack.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names the value that the handler panicked with.
func (e *PanicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.Value) }

// Guard calls f and returns its panic as a [PanicError].
func Guard(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}
