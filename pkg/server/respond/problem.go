package respond

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// statusClientGone is nginx's status for a client that disconnected. No client
// reads it. It is for the log, and it keeps net/http from sending 200 for a
// handler that writes nothing.
const statusClientGone = 499

// rule is the response to one kind of error.
type rule struct {
	target  error
	status  int
	kind    string // type of the problem; "" for about:blank
	title   string // "" for the text of the status
	detail  string
	fields  []event.FieldError
	unknown bool   // what was published may be stored or not
	read    string // replaces detail for a request that only reads, if not ""
}

// outcomeUnknown is added for a publisher if an error leaves the outcome open.
const outcomeUnknown = " The outcome is unknown; sending the request again is safe."

// rules is the table from the errors of the layers below to HTTP. The first rule
// that [errors.Is] finds counts. Any other error is a 500. Details are fixed
// texts, so that nothing internal can appear in a response.
func rules() []rule {
	return []rule{
		{target: store.ErrNotFound, status: http.StatusNotFound, detail: "There is no such event."},
		{
			target: store.ErrDropped, status: http.StatusGone, kind: api.ProblemDropped, title: "Dropped",
			detail: "Retention has dropped the data of this event. The event stays counted, and sending it again is a duplicate.",
		},
		{target: store.ErrRejected, status: http.StatusUnprocessableEntity, detail: "The database refuses this event."},
		{
			target: store.ErrForeignPosition, status: http.StatusUnprocessableEntity,
			kind: api.ProblemCursor, title: "Unknown cursor",
			detail: "The cursor was given out for other data: the database was replaced, emptied, or restored from a backup. " +
				"Start again without a cursor; events may have been missed.",
			fields: []event.FieldError{{Field: "cursor", Message: "belongs to other data"}},
		},
		{
			target: ErrBodyMemory, status: http.StatusServiceUnavailable,
			kind: api.ProblemOverloaded, title: "Overloaded",
			detail: "Other requests use the memory for bodies, or this client's share of it (http.max_buffered_bytes). " +
				"Nothing was stored; send it again later, or in smaller parts.",
		},
		{
			target: ErrReadMemory, status: http.StatusServiceUnavailable,
			kind: api.ProblemOverloaded, title: "Overloaded",
			detail: "Responses that other requests have not read yet use all the memory for reads (http.max_read_bytes). " +
				"Try again later, or with a lower limit.",
		},
		{
			target: store.ErrOverloaded, status: http.StatusServiceUnavailable,
			kind: api.ProblemOverloaded, title: "Overloaded",
			detail: "More events are waiting than the limits allow. Nothing was stored; send it again later.",
			read:   "More such requests are open than the limits allow. Try again later.",
		},
		{
			target: store.ErrUnavailable, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Store unavailable",
			detail: "The store is unavailable at the moment.", unknown: true,
		},
		{
			target: store.ErrNotDurable, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Queue not durable",
			detail: "Neither the store nor the queue can keep events safely at the moment. Nothing was stored; send it again later.",
		},
		{
			target: store.ErrClosed, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Shutting down",
			detail: "The server is shutting down.", unknown: true,
		},
		{
			target: context.DeadlineExceeded, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Store too slow",
			detail: "The store did not respond in time.", unknown: true,
		},
		{
			target: context.Canceled, status: http.StatusServiceUnavailable,
			kind: api.ProblemUnavailable, title: "Cancelled",
			detail: "The request was cancelled.", unknown: true,
		},
	}
}

// SendError sends an error as problem+json, unless a part of another response was
// sent before. Call [Drain] when all else is done.
func SendError(c echo.Context, err error) {
	if c.Response().Committed {
		return
	}
	problem := Problem(c.Request(), err)
	addContext(&problem, err)
	header := c.Response().Header()
	setHeaders(header, problem.Status, err)
	if problem.Cursor != "" {
		query := c.Request().URL.Query()
		query.Set("cursor", problem.Cursor)
		header.Set("Link", "<?"+query.Encode()+`>; rel="prev"`)
	}
	body, encoding := json.Marshal(problem)
	if encoding != nil { // a Problem always encodes; if not, the status says the most important part
		body = nil
	}
	body = append(body, '\n')
	early := refusedEarly(c, err)
	if early {
		header.Set("Content-Length", strconv.Itoa(len(body))) // or the flush below would make it chunked
		if forwarded(c.Request()) {
			drop(c)
		}
	}
	if Bytes(c, problem.Status, []string{api.TypeProblem}, body) != nil {
		return // the client is gone
	}
	if early {
		_ = http.NewResponseController(c.Response()).Flush()
		c.Set(keyDrain, true)
	}
}

// addContext adds to a problem what the layers above the first error know about it.
func addContext(problem *api.Problem, err error) {
	if hinted := (*HintedError)(nil); errors.As(err, &hinted) {
		problem.Detail += " The body " + hinted.Hint + "."
	}
	if dropped := (*store.DroppedError)(nil); errors.As(err, &dropped) {
		problem.Cursor = api.Cursor{Newer: true, Position: dropped.Next}.String()
		problem.Detail = "Retention has dropped events after this cursor. " +
			"The cursor in this problem, and in the link, leads to the events after them."
	}
	if partial := (*PartialError)(nil); errors.As(err, &partial) {
		problem.CommittedLines = &partial.Committed
		if problem.Status >= http.StatusInternalServerError {
			problem.Detail = problem.Title + "." // the detail is about the whole request, which is not true here
		}
		problem.Detail += " " + partial.detail()
	}
}

// setHeaders sets the header fields of an error. Those of an [Error] have precedence.
func setHeaders(header http.Header, status int, err error) {
	if status == http.StatusServiceUnavailable {
		setRetryAfter(header, store.RetryAfter(err, time.Second))
	}
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Header != "" {
		header.Set(refused.Header, refused.Value)
	}
	if quota := (*auth.QuotaError)(nil); errors.As(err, &quota) {
		setQuota(header, quota)
	}
	if followers := (*FollowersError)(nil); errors.As(err, &followers) {
		setFollowers(header, followers)
	}
}

// Problem returns the response to an error of this request.
func Problem(r *http.Request, err error) api.Problem {
	var (
		quota     *auth.QuotaError
		followers *FollowersError
		refused   *Error
		conflict  *ConflictError
		invalid   *event.InvalidError
		routing   *echo.HTTPError
	)
	switch {
	case errors.As(err, &quota):
		return quotaProblem(quota)
	case errors.As(err, &followers):
		return followersProblem(followers)
	case errors.As(err, &refused):
		return newProblem(rule{status: refused.Status, kind: refused.Type, title: refused.Title, detail: refused.Detail}, refused.Fields)
	case errors.As(err, &conflict):
		problem := newProblem(rule{status: http.StatusConflict, kind: api.ProblemConflict, title: "Conflict", detail: conflict.Error()}, nil)
		problem.SentDigest, problem.StoredDigest = conflict.SentDigest, conflict.StoredDigest
		return problem
	case errors.As(err, &invalid):
		detail := "The event is invalid; see errors."
		return newProblem(rule{status: http.StatusUnprocessableEntity, title: "Invalid event", detail: detail}, invalid.Fields)
	case errors.As(err, &routing):
		return newProblem(routingRule(routing.Code), nil)
	case r.Context().Err() != nil && errors.Is(err, context.Canceled):
		return newProblem(clientGone(), nil)
	}
	for _, rule := range rules() {
		if errors.Is(err, rule.target) {
			switch published := r.Method == http.MethodPost; {
			case published && rule.unknown: // a request that reads leaves nothing open
				rule.detail += outcomeUnknown
			case !published && rule.read != "":
				rule.detail = rule.read
			}
			return newProblem(rule, rule.fields)
		}
	}
	if r.Context().Err() != nil {
		return newProblem(clientGone(), nil)
	}
	return newProblem(rule{status: http.StatusInternalServerError, detail: "The server failed; its log has the cause."}, nil)
}

// clientGone is only for the log, since the client is gone.
func clientGone() rule { return rule{status: statusClientGone, title: "Client closed request"} }

// routingRule is the response to what Echo's router refuses.
func routingRule(status int) rule {
	switch status {
	case http.StatusNotFound:
		return rule{status: status, detail: "There is nothing at this path; /docs and /openapi.json list the paths."}
	case http.StatusMethodNotAllowed:
		return rule{status: status, detail: "This path does not support this method; the Allow header lists the supported ones."}
	default:
		return rule{status: status}
	}
}

func newProblem(r rule, fields []event.FieldError) api.Problem {
	problem := api.Problem{Type: r.kind, Title: r.title, Status: r.status, Detail: r.detail, Errors: fields}
	if problem.Type == "" {
		problem.Type = api.ProblemBlank
	}
	if problem.Title == "" {
		problem.Title = http.StatusText(r.status)
	}
	return problem
}
