package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Media types as values of Content-Type.
const (
	typeJSON    = api.TypeJSON
	typeProblem = api.TypeProblem
)

// statusClientGone is nginx's number for a client that went away. Nobody is
// left to read it; it stands in the log, and in the way of net/http, which
// would answer 200 for a handler that writes nothing.
const statusClientGone = 499

// requestError is a request that a handler refuses, with its answer.
type requestError struct {
	status int
	detail string
	faults []event.FieldError
	// header and value are one more header field, where not empty.
	header, value string
}

// Error is what the client is told.
func (e *requestError) Error() string { return e.detail }

// rule says how one kind of error is answered.
type rule struct {
	target error
	status int
	kind   string // the problem's type, "" for about:blank
	title  string // "" for the status in words
	detail string
	faults []event.FieldError
	doubt  bool   // what was published may be stored or not
	read   string // what a reader is told instead of detail, where not ""
}

// doubtful is what a publisher hears after an error that leaves that open.
const doubtful = " Nothing is known about the request; sending it again is safe."

// rules is the table from the errors that the layers below answer to HTTP. The
// first that [errors.Is] in the error's tree counts; what is not here is 500.
// Details are fixed texts, so that nothing internal can show in an answer.
func rules() []rule {
	return []rule{
		{target: store.ErrNotFound, status: http.StatusNotFound, detail: "There is no such event."},
		{target: store.ErrRejected, status: http.StatusUnprocessableEntity, detail: "The database refuses this event."},
		{
			target: store.ErrForeignPosition, status: http.StatusUnprocessableEntity,
			kind: api.ProblemCursor, title: "Unknown cursor",
			detail: "The events are not those that the cursor was given out for: the database is another one, was emptied, or was " +
				"restored from a backup. Begin again without a cursor: what was missed can't be told.",
			faults: []event.FieldError{{Field: "cursor", Message: "is of other data"}},
		},
		{
			target: store.ErrOverloaded, status: http.StatusServiceUnavailable,
			kind: api.ProblemOverloaded, title: "Overloaded",
			detail: "More events are waiting than the limits allow. Nothing was taken; send it again later.",
			read:   "More such requests are open than the limits allow. Try again later.",
		},
		{
			target: store.ErrUnavailable, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Store unavailable",
			detail: "The store can't be reached at the moment.", doubt: true,
		},
		{
			target: store.ErrNotDurable, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Queue not durable",
			detail: "Neither the store nor the queue takes events safely at the moment. Nothing was taken; send it again later.",
		},
		{
			target: store.ErrClosed, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Shutting down",
			detail: "The server is shutting down.", doubt: true,
		},
		{
			target: context.DeadlineExceeded, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Store too slow",
			detail: "The store didn't answer in time.", doubt: true,
		},
		{
			target: context.Canceled, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Cancelled",
			detail: "The request was cancelled.", doubt: true,
		},
	}
}

// answerError answers a request with an error, as problem+json.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	problem := s.problem(c.Request(), err)
	header := c.Response().Header()
	if refused := (*requestError)(nil); errors.As(err, &refused) && refused.header != "" {
		header.Set(refused.header, refused.value)
	}
	if hinted := (*hintedError)(nil); errors.As(err, &hinted) {
		problem.Detail += " The body " + hinted.hint + "."
	}
	if partial := (*partialError)(nil); errors.As(err, &partial) {
		problem.CommittedLines = &partial.committed
		if status := problem.Status; status == http.StatusServiceUnavailable || status >= http.StatusInternalServerError {
			problem.Detail = problem.Title + "." // what it says of a request as a whole is not true here
		}
		problem.Detail += " " + partial.detail()
	}
	if problem.Status == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryAfter(err))
	}
	body, err := json.Marshal(problem)
	if err != nil { // a Problem always encodes; were it not so, the status says the most of it
		body = nil
	}
	body = append(body, '\n')
	_ = s.write(c, problem.Status, s.headers.problem, body) // an answer that can't be written has no reader
}

// problem words an error for the client.
func (s *Server) problem(r *http.Request, err error) api.Problem {
	var (
		refused *requestError
		invalid *event.InvalidError
		routing *echo.HTTPError
	)
	switch {
	case errors.As(err, &refused):
		return newProblem(rule{status: refused.status, detail: refused.detail}, refused.faults)
	case errors.As(err, &invalid):
		detail := "The event is invalid; see errors."
		return newProblem(rule{status: http.StatusUnprocessableEntity, title: "Invalid event", detail: detail}, invalid.Fields)
	case errors.As(err, &routing):
		return newProblem(routingRule(routing.Code), nil)
	case r.Context().Err() != nil && errors.Is(err, context.Canceled):
		return newProblem(clientGone(), nil)
	}
	for _, rule := range s.rules {
		if errors.Is(err, rule.target) {
			switch published := r.Method == http.MethodPost; {
			case published && rule.doubt: // reading leaves nothing open
				rule.detail += doubtful
			case !published && rule.read != "":
				rule.detail = rule.read
			}
			return newProblem(rule, rule.faults)
		}
	}
	if r.Context().Err() != nil {
		return newProblem(clientGone(), nil)
	}
	return newProblem(rule{status: http.StatusInternalServerError, detail: "Something went wrong in the server; its log says more."}, nil)
}

// clientGone is for the log: nobody is left to read it.
func clientGone() rule { return rule{status: statusClientGone, title: "Client closed request"} }

// routingRule words what Echo's router answers by itself.
func routingRule(status int) rule {
	switch status {
	case http.StatusNotFound:
		return rule{status: status, detail: "There is nothing at this path; see /docs, or /openapi.json, for those that there are."}
	case http.StatusMethodNotAllowed:
		return rule{status: status, detail: "This path does not take this method; the Allow header has those it takes."}
	default:
		return rule{status: status}
	}
}

func newProblem(r rule, faults []event.FieldError) api.Problem {
	problem := api.Problem{Type: r.kind, Title: r.title, Status: r.status, Detail: r.detail, Errors: faults}
	if problem.Type == "" {
		problem.Type = api.ProblemBlank
	}
	if problem.Title == "" {
		problem.Title = http.StatusText(r.status)
	}
	return problem
}

// retryAfter is the wait that an error asks for in whole seconds, as the header
// has it: rounded up, at least 1.
func retryAfter(err error) string {
	seconds := math.Ceil(store.RetryAfter(err, time.Second).Seconds())
	return strconv.Itoa(max(1, int(seconds)))
}

// write sends a whole answer. The length is told in advance where net/http
// wouldn't find it out by itself.
func (s *Server) write(c echo.Context, status int, contentType []string, body []byte) error {
	const known = 2 << 10 // net/http holds back that much and counts it
	header := c.Response().Header()
	header["Content-Type"] = contentType
	head := c.Request().Method == http.MethodHead
	if len(body) >= known || head {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.Response().WriteHeader(status)
	if head {
		return nil
	}
	_, err := c.Response().Write(body)
	return err
}
