package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client/transport"
	"github.com/eventagg/eventagg/pkg/store"
)

// ResponseError is an answer other than the one hoped for. Where it means one of
// the store's errors, [errors.Is] finds that one too.
type ResponseError struct {
	// Status is the HTTP status.
	Status int
	// Problem is what the server says about it; empty where it says nothing
	// that can be read, as other programs do.
	Problem api.Problem

	means error
}

// Error is the status and the server's own words.
func (e *ResponseError) Error() string {
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
func (e *ResponseError) Unwrap() error { return e.means }

// errResponse says that an answer is not one of this interface.
var errResponse = errors.New("answer not understood")

// errJSON says of such an answer that not even its form is right.
var errJSON = fmt.Errorf("%w, it is not the JSON that was expected", errResponse)

// ForeignServer reports whether an error shows that something answered that is no
// eventagg server: a page where JSON was expected, or a refusal of a path that
// every such server has, without the problem that it would say it with. What a
// proxy in front of a server answers for it, such as 502, tells nothing.
func ForeignServer(err error) bool {
	if errors.Is(err, errJSON) {
		return true
	}
	answered, ok := errors.AsType[*ResponseError](err)
	if !ok || answered.Problem.Type != "" {
		return false
	}
	switch answered.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return true
	default:
		return answered.Status/100 == 3 //nolint:mnd // it knows another place; this one's servers don't
	}
}

// response is a response as received.
type response struct {
	status     int
	retryAfter string
	body       []byte
}

// err translates an answer into the error it means.
func (r response) err() error {
	e := &ResponseError{Status: r.status}
	// What isn't a problem leaves it empty.
	_ = json.Unmarshal(r.body, &e.Problem)
	switch r.status {
	case http.StatusNotFound:
		e.means = store.ErrNotFound
	case http.StatusTooManyRequests:
		e.means = store.ErrOverloaded
	case http.StatusServiceUnavailable:
		e.means = store.ErrUnavailable
		if e.Problem.Type == api.ProblemOverloaded {
			e.means = store.ErrOverloaded
		}
	case http.StatusUnprocessableEntity, http.StatusConflict:
		if e.Problem.Type == api.ProblemCursor {
			e.means = store.ErrForeignPosition
		}
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout:
		e.means = store.ErrUnavailable
	}
	if wait, ok := parseRetryAfter(r.retryAfter, time.Now()); ok {
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

// ConnectionError is a request without an answer: nothing is known about it, and
// trying again may help. It is [store.ErrUnavailable], and where no connection
// was made also [store.ErrNotReached]. Its message is for people and has
// neither, since they speak of a store behind the server.
type ConnectionError struct {
	// Server is the address that was asked.
	Server string
	// Reached says that there was a connection.
	Reached bool
	// Err is what happened to it.
	Err error
}

// Error names the server and the last cause of the failure.
func (e *ConnectionError) Error() string {
	if !e.Reached {
		return "can't reach " + e.Server + ": " + cause(e.Err)
	}
	return "no answer from " + e.Server + ": " + cause(e.Err)
}

// Cause is why there is no answer, without the server's name: "connection
// refused".
func (e *ConnectionError) Cause() string { return cause(e.Err) }

// Unwrap returns the store's errors that this one is, and what happened.
func (e *ConnectionError) Unwrap() []error {
	if !e.Reached {
		return []error{store.ErrUnavailable, store.ErrNotReached, e.Err}
	}
	return []error{store.ErrUnavailable, e.Err}
}

// cause is why a connection failed, without the requests, addresses and system
// calls that the standard library puts before it.
func cause(err error) string {
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		return "timed out"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok {
		return unknown.Err
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err.Error()
	}
	return err.Error()
}

// connectionError translates a failed request: to the context's error if the context has
// ended, otherwise to a LostError.
func (c *Client) connectionError(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	// Connections have the context's deadline too, and may notice it first.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	lost := &ConnectionError{Server: c.base.String(), Reached: true, Err: err}
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "dial" {
		lost.Reached = false
	}
	if dial, ok := errors.AsType[*transport.DialError](err); ok {
		lost.Reached, lost.Err = false, dial.Err
	}
	return lost
}
