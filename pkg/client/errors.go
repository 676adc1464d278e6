package client

import (
	"bytes"
	"context"
	"crypto/tls"
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

// ResponseError is an error response of the server. If it means one of the
// store's errors, [errors.Is] finds that one, too.
type ResponseError struct {
	// Status is the HTTP status.
	Status int
	// Problem is the body. It is empty if the body is not a problem, for
	// example because another program sent the response.
	Problem api.Problem

	means error
}

// Error returns the status and the detail of the problem. Texts of the server are
// escaped, so that they can be shown on a terminal.
func (e *ResponseError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "server responded %d %s", e.Status, http.StatusText(e.Status))
	if e.Problem.Detail != "" {
		text.WriteString(": " + api.Printable(e.Problem.Detail))
	}
	for _, fault := range e.Problem.Errors {
		text.WriteString(" [" + api.Printable(fault.Field+" "+fault.Message) + "]")
	}
	return text.String()
}

// Unwrap returns the store's error that the response means, or nil.
func (e *ResponseError) Unwrap() error { return e.means }

// errResponse reports a response that an eventagg server does not send.
var errResponse = errors.New("unexpected response")

// errJSON reports a response that is not even JSON of the expected form.
var errJSON = fmt.Errorf("%w: invalid JSON", errResponse)

// ForeignServer reports whether the error shows that the responder is not an
// eventagg server. It sent something else instead of JSON, or it does not know a
// path that every eventagg server has, and the response is not a problem. A
// response of a proxy in front of the server, such as 502, shows nothing.
func ForeignServer(err error) bool {
	if errors.Is(err, errJSON) {
		return true
	}
	refused, ok := errors.AsType[*ResponseError](err)
	if !ok || refused.Problem.Type != "" {
		return false
	}
	switch refused.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return true
	default:
		return refused.Status/100 == 3 // eventagg has no redirects
	}
}

// plainOnTLS is the body that net/http sends to a client without TLS on a port with TLS.
const plainOnTLS = "Client sent an HTTP request to an HTTPS server"

// response is a response as received.
type response struct {
	status     int
	retryAfter string
	location   string // of a redirect
	body       []byte
}

// err returns the error that the response means.
func (r response) err() error {
	e := &ResponseError{Status: r.status}
	// A body that is not a problem leaves it empty.
	_ = json.Unmarshal(r.body, &e.Problem)
	if bytes.HasPrefix(r.body, []byte(plainOnTLS)) {
		e.Problem = api.Problem{Type: api.ProblemBlank, Detail: "the server speaks TLS on this port (use https:// in client.url)"}
	}
	if to, err := url.Parse(r.location); r.status/100 == 3 && err == nil && to.Host != "" {
		e.Problem.Detail = "it redirects to " + to.Scheme + "://" + to.Host // perhaps from http to https
	}
	switch r.status {
	case http.StatusNotFound:
		e.means = store.ErrNotFound
	case http.StatusGone:
		if e.Problem.Type == api.ProblemDropped {
			e.means = meaningOfDropped(e.Problem)
		}
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

// meaningOfDropped returns the error of the store that a problem about dropped data
// means.
func meaningOfDropped(problem api.Problem) error {
	next, err := api.ParseCursor(problem.Cursor)
	if err != nil || !next.Newer {
		return store.ErrDropped
	}
	return &store.DroppedError{Next: next.Position}
}

// skipDropped returns the cursor to go on from if the error says that retention has
// dropped events, and reports that to OnDropped. It returns "" for other errors, and if
// the caller must get this one.
func (c *Client) skipDropped(err error) string {
	refused, ok := errors.AsType[*ResponseError](err)
	if _, dropped := errors.AsType[*store.DroppedError](err); !ok || !dropped || c.options.OnDropped == nil {
		return ""
	}
	c.options.OnDropped()
	return refused.Problem.Cursor
}

// maxRetryAfter limits the wait that a server can request.
const maxRetryAfter = time.Hour

// parseRetryAfter parses the header Retry-After: seconds or a date.
func parseRetryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter), true
	}
	if date, err := http.ParseTime(text); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter), true
	}
	return 0, false
}

// ConnectionError is a request without a response. Whether it was processed is
// unknown, and a retry may help. The error is [store.ErrUnavailable], and also
// [store.ErrNotReached] if there was no connection. Its message contains neither,
// because both are about a store behind the server.
type ConnectionError struct {
	// Server is the address of the server.
	Server string
	// Reached reports whether there was a connection.
	Reached bool
	// Err is the error of the connection.
	Err error
}

// Error names the server and the cause.
func (e *ConnectionError) Error() string {
	if !e.Reached {
		return "can't reach " + e.Server + ": " + cause(e.Err)
	}
	return "no response from " + e.Server + ": " + cause(e.Err)
}

// Cause returns the cause without the name of the server: "connection refused".
func (e *ConnectionError) Cause() string { return cause(e.Err) }

// Unwrap returns the store's errors that this one means, and the cause. A wrong
// certificate means none of them: a retry does not help.
func (e *ConnectionError) Unwrap() []error {
	if explainTLS(e.Err) != "" {
		return []error{e.Err}
	}
	if !e.Reached {
		return []error{store.ErrUnavailable, store.ErrNotReached, e.Err}
	}
	return []error{store.ErrUnavailable, e.Err}
}

// cause returns why a connection failed, without the requests, addresses and
// system calls that the standard library puts in front of it.
func cause(err error) string {
	if text := explainTLS(err); text != "" {
		return text
	}
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

// connectionError translates the error of a request without a response: to the
// context's error if the context has ended, otherwise to a ConnectionError.
func (c *Client) connectionError(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	// A connection may notice the deadline of the context first.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	lost := &ConnectionError{Server: c.base.String(), Reached: true, Err: err}
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "dial" {
		lost.Reached = false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		lost.Reached = false
	}
	if dial, ok := errors.AsType[*transport.DialError](err); ok {
		lost.Reached, lost.Err = false, dial.Err
	}
	return lost
}
