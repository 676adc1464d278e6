package publish

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// refusedFields returns the errors of a valid event that was refused, nil for any other
// outcome.
func refusedFields(outcome event.Outcome) []event.FieldError {
	switch outcome {
	case event.Rejected:
		return []event.FieldError{{Field: event.FieldBody, Message: "is refused by the database"}}
	case event.TopicRefused:
		return []event.FieldError{{
			Field:   event.FieldTopic,
			Message: "is new, and there are as many topics as allowed (ingest.max_topics); use a topic that exists, or let the operator raise the limit",
		}}
	case event.ConflictRejected:
		return []event.FieldError{{
			Field:   event.FieldID,
			Message: "belongs to another stored event, and this one differs; it was counted as a duplicate and dropped",
		}}
	default:
		return nil
	}
}

// respondOne sends the outcome of a single event.
func (h *Handler) respondOne(c echo.Context, p *request, outcome event.Outcome) error {
	var t event.Tally
	t.Count(outcome)
	p.report(t)
	status, e := http.StatusOK, p.events[0]
	switch outcome {
	case event.Stored:
		p.response = appendPublished(p.response[:0], api.StatusSuccess, "event stored", e)
	case event.Duplicate:
		p.response = appendPublished(p.response[:0], api.StatusIgnored, "duplicate: the event was stored before; this repeat is counted and dropped", e)
	case event.Conflict:
		p.response = appendPublished(p.response[:0], api.StatusIgnored,
			"duplicate: another event was stored before under this topic and event_id; this one differs and is dropped", e)
		p.response = append(p.response[:len(p.response)-len("}\n")], `,"conflict":true}`+"\n"...)
	case event.ConflictRejected:
		return h.conflict(c.Request().Context(), &p.events[0])
	case event.Queued:
		p.response = appendPublished(p.response[:0], api.StatusQueued, "event is queued durably; it will be stored, or counted as a duplicate", e)
		p.prefer.setApplied(c.Response().Header(), true)
		status = http.StatusAccepted
	case event.TopicRefused:
		return &event.InvalidError{Fields: refusedFields(outcome)}
	default:
		return &respond.Error{Status: http.StatusUnprocessableEntity, Detail: "The database refuses this event."}
	}
	if p.prefer.representation && (outcome == event.Duplicate || outcome == event.Conflict) {
		h.addReceipt(c, p)
	}
	return h.send(c, p.prefer, status, p.response)
}

// send sends a response. If the client prefers no body, success is a 204.
func (h *Handler) send(c echo.Context, prefer preferences, status int, body []byte) error {
	if (status == http.StatusOK || status == http.StatusAccepted) && prefer.reply {
		return c.NoContent(http.StatusNoContent)
	}
	return respond.Bytes(c, status, h.headers.JSON, body)
}

// respondSkipped sends the result of a batch that is not stored, because the client
// prefers strict handling and some of its events are invalid.
func (h *Handler) respondSkipped(c echo.Context, p *request, outcomes []event.Outcome) error {
	t := event.Tally{Invalid: int64(len(p.invalid))}
	for _, outcome := range outcomes {
		t.Count(outcome)
	}
	p.prefer.setApplied(c.Response().Header(), false)
	p.report(t)
	p.response = appendBatch(p.response[:0], t, outcomes, p.invalid, p.prefer.minimal)
	return respond.Bytes(c, http.StatusUnprocessableEntity, h.headers.JSON, p.response)
}

// respondBatch sends the outcomes of several events.
func (h *Handler) respondBatch(c echo.Context, p *request, outcomes []event.Outcome) error {
	t := event.Tally{Invalid: int64(len(p.invalid))}
	for _, outcome := range outcomes {
		t.Count(outcome)
	}
	p.report(t)
	t = inResponse(t, outcomes)
	p.response = appendBatch(p.response[:0], t, outcomes, p.invalid, p.prefer.minimal)
	p.prefer.setApplied(c.Response().Header(), t.Queued > 0)
	return h.send(c, p.prefer, batchStatus(t, p.prefer.lenient), p.response)
}

// batchStatus is 200 if all events are valid (or there are none), or 202 if some
// of them are only queued; 422 if none is valid, and 207 otherwise. For a client that
// prefers lenient handling, invalid events do not count.
func batchStatus(t event.Tally, lenient bool) int {
	valid := t.Refused() == 0 || lenient
	switch {
	case valid && t.Queued > 0:
		return http.StatusAccepted
	case valid:
		return http.StatusOK
	case t.Accepted() == 0:
		return http.StatusUnprocessableEntity
	default:
		return http.StatusMultiStatus
	}
}

// appendPublished appends the text of an [api.Published].
func appendPublished(dst []byte, status, message string, e event.Event) []byte {
	dst = append(dst, `{"status":"`...)
	dst = append(dst, status...)
	dst = append(dst, `","message":"`...)
	dst = append(dst, message...)
	dst = append(dst, `","topic":`...)
	// Both texts are valid UTF-8, so quoting can't fail.
	dst, _ = jsontext.AppendQuote(dst, e.Topic)
	dst = append(dst, `,"event_id":`...)
	dst, _ = jsontext.AppendQuote(dst, e.ID)
	return append(dst, '}', '\n')
}

// appendTally appends the beginning of an [api.Batch]: its counts.
func appendTally(dst []byte, t event.Tally) []byte {
	dst = strconv.AppendInt(append(dst, `{"received":`...), t.Accepted(), 10)
	dst = strconv.AppendInt(append(dst, `,"success":`...), t.Stored, 10)
	dst = strconv.AppendInt(append(dst, `,"ignored":`...), t.Duplicate, 10)
	if t.Queued > 0 {
		dst = strconv.AppendInt(append(dst, `,"queued":`...), t.Queued, 10)
	}
	return strconv.AppendInt(append(dst, `,"invalid":`...), t.Refused(), 10)
}

// maxErrors is the maximum number of invalid events whose errors a response has.
// Without a limit, 71 compressed bytes would get a response of 2.5 MB.
const maxErrors = 100

// appendBatch appends the text of an [api.Batch].
func appendBatch(dst []byte, t event.Tally, outcomes []event.Outcome, invalid []invalidEvent, minimal bool) []byte {
	dst = append(appendTally(dst, t), `,"results":[`...)
	dst = append(appendResults(dst, outcomes, invalid, minimal), ']')
	if t.Refused() > maxErrors {
		dst = append(dst, errorsTruncated...)
	}
	return append(dst, "}\n"...)
}

// errorsTruncated is the member which says that some errors are left out.
const errorsTruncated = `,"errors_truncated":true`

// appendResults appends the elements of results: one per event in the order of
// the request. That is the order of outcomes, with the invalid events inserted at
// their indexes. The first maxErrors invalid events have their errors.
func appendResults(dst []byte, outcomes []event.Outcome, invalid []invalidEvent, minimal bool) []byte {
	begin, refused := len(dst), 0
	total := int64(len(outcomes) + len(invalid))
	for at := range total {
		var outcome event.Outcome
		var fields []event.FieldError
		valid := len(invalid) == 0 || invalid[0].at != at
		if valid {
			outcome, outcomes = outcomes[0], outcomes[1:]
			fields = refusedFields(outcome)
			valid = fields == nil
		} else {
			fields, invalid = invalid[0].fields, invalid[1:]
		}
		if minimal && valid {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		if valid {
			dst = appendOutcome(dst, outcome)
			continue
		}
		refused++
		if refused > maxErrors {
			fields = nil
		}
		position := ""
		if minimal {
			position = "index"
		}
		dst = appendInvalid(dst, position, at, fields)
	}
	return dst
}

// appendOutcome appends the result of a valid event.
func appendOutcome(dst []byte, outcome event.Outcome) []byte {
	switch outcome {
	case event.Stored:
		return append(dst, `{"status":"success"}`...)
	case event.Duplicate:
		return append(dst, `{"status":"ignored"}`...)
	case event.Conflict:
		return append(dst, `{"status":"ignored","conflict":true}`...)
	case event.Queued:
		return append(dst, `{"status":"queued"}`...)
	default: // not given to the appender
		return append(dst, `{"status":"skipped"}`...)
	}
}

// appendInvalid appends the result of an invalid event, with its position under
// that name unless the name is empty. nil fields are left out.
func appendInvalid(dst []byte, position string, at int64, fields []event.FieldError) []byte {
	dst = append(dst, '{')
	if position != "" {
		dst = append(dst, `"`+position+`":`...)
		dst = append(strconv.AppendInt(dst, at, 10), ',')
	}
	dst = append(dst, `"status":"`+api.StatusInvalid+`"`...)
	if fields == nil {
		return append(dst, '}')
	}
	text, err := json.Marshal(fields)
	if err != nil { // two strings per field always encode
		text = []byte("[]")
	}
	return append(append(append(dst, `,"errors":`...), text...), '}')
}
