package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// AnswerError is an answer other than the one hoped for. Where it means one of
// the store's errors, [errors.Is] finds that one too.
type AnswerError struct {
	// Status is the HTTP status.
	Status int
	// Problem is what the server says about it; empty where it says nothing
	// that can be read, as other programs do.
	Problem api.Problem

	means error
}

// Error is the status and the server's own words.
func (e *AnswerError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "server answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Problem.Detail != "" {
		text.WriteString(": " + e.Problem.Detail)
	}
	for _, fault := range e.Problem.Errors {
		text.WriteString(" [" + fault.Field + " " + fault.Message + "]")
	}
	return text.String()
}

// Unwrap returns the store's error that the answer means, or nil.
func (e *AnswerError) Unwrap() error { return e.means }

// errAnswer says that an answer is not one of this interface.
var errAnswer = errors.New("answer not understood")

// answer is an answer as it came.
type answer struct {
	status     int
	retryAfter string
	body       []byte
}

// err translates an answer into the error it means.
func (a answer) err() error {
	e := &AnswerError{Status: a.status}
	// What isn't a problem leaves it empty.
	_ = json.Unmarshal(a.body, &e.Problem)
	switch a.status {
	case http.StatusNotFound:
		e.means = store.ErrNotFound
	case http.StatusTooManyRequests:
		e.means = store.ErrOverloaded
	case http.StatusServiceUnavailable:
		e.means = store.ErrUnavailable
		if e.Problem.Type == api.ProblemOverloaded {
			e.means = store.ErrOverloaded
		}
	case http.StatusUnprocessableEntity:
		if e.Problem.Type == api.ProblemCursor {
			e.means = store.ErrPosition
		}
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout:
		e.means = store.ErrUnavailable
	}
	if wait, ok := parseRetryAfter(a.retryAfter, time.Now()); ok {
		return &store.RetryError{Err: e, After: wait}
	}
	return e
}

// maxRetryAfter bounds what a server can make a client wait.
const maxRetryAfter = time.Hour

// parseRetryAfter reads the header of that name: seconds, or a date.
func parseRetryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter), true
	}
	if date, err := http.ParseTime(text); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter), true
	}
	return 0, false
}

// lost translates what went wrong on the way: nothing is known about the
// request, and trying again may help.
func lost(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	// Connections have the context's deadline too, and may notice it first.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
