package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// invalidEvent is one that can't be stored: its place in the batch from 0, or
// its line in a stream from 1.
type invalidEvent struct {
	at     int64
	faults []event.FieldError
}

// tally counts what became of the events of a request. Those that the database
// rejected are invalid, too.
type tally struct{ success, ignored, queued, invalid, rejected int64 }

// count adds an outcome.
func (t *tally) count(outcome event.Outcome) {
	switch outcome {
	case event.Stored:
		t.success++
	case event.Duplicate:
		t.ignored++
	case event.Queued:
		t.queued++
	case event.Rejected:
		t.invalid++
		t.rejected++
	}
}

// since is what came on top of an earlier count.
func (t *tally) since(before tally) tally {
	return tally{
		success: t.success - before.success, ignored: t.ignored - before.ignored, queued: t.queued - before.queued,
		invalid: t.invalid - before.invalid, rejected: t.rejected - before.rejected,
	}
}

// valid counts the events that are taken.
func (t *tally) valid() int64 { return t.success + t.ignored + t.queued }

// status is 200 when all are valid, none at all included, or 202 when some of
// them are only queued; 422 when none is valid.
func (t *tally) status() int {
	switch {
	case t.invalid == 0 && t.queued > 0:
		return http.StatusAccepted
	case t.invalid == 0:
		return http.StatusOK
	case t.valid() == 0:
		return http.StatusUnprocessableEntity
	default:
		return http.StatusMultiStatus
	}
}

// publishBatch takes several events in one transaction. Those that are invalid
// are named, and the others stored.
func (s *Server) publishBatch(c echo.Context, p *publishing, decode func([]byte) (event.Event, error)) error {
	p.events, p.invalid = p.events[:0], p.invalid[:0]
	err := p.decoder.DecodeBatch(p.body, codec.BatchOptions{
		MaxEvents: s.options.MaxBatchEvents, MaxEventBytes: int(s.options.MaxEventBytes), Decode: decode,
		Each: func(e event.Event, err error) {
			if err == nil {
				p.events = append(p.events, e)
				return
			}
			p.invalid = append(p.invalid, invalidEvent{at: int64(len(p.events) + len(p.invalid)), faults: faultsOf(err)})
		},
	})
	switch {
	case errors.Is(err, codec.ErrTooManyEvents):
		return &requestError{
			status: http.StatusRequestEntityTooLarge,
			detail: "The batch has more than " + strconv.Itoa(s.options.MaxBatchEvents) + " events; send several, or one event a line as application/x-ndjson.",
		}
	case err != nil:
		return err
	}
	p.dropBody()
	outcomes, err := s.append(c.Request(), p.events)
	if err != nil {
		return err
	}
	prefer := preferencesOf(c.Request().Header)
	var counts tally
	p.answer, counts = appendBatch(p.answer[:0], outcomes, p.invalid, prefer.minimal)
	prefer.tell(c.Response().Header(), counts.queued > 0)
	s.count(counts)
	return s.write(c, counts.status(), s.headers.json, p.answer)
}

// faultsOf returns what is wrong with an event.
func faultsOf(err error) []event.FieldError {
	if invalid, ok := errors.AsType[*event.InvalidError](err); ok {
		return invalid.Fields
	}
	return []event.FieldError{{Field: "body", Message: err.Error()}}
}

// appendBatch appends the text of an [api.Batch]: a result for each event in
// the order of the request, which is that of outcomes with the invalid ones in
// their places.
func appendBatch(dst []byte, outcomes []event.Outcome, invalid []invalidEvent, minimal bool) ([]byte, tally) {
	counts := tally{invalid: int64(len(invalid))}
	for _, outcome := range outcomes {
		counts.count(outcome)
	}
	dst = appendTally(dst, counts)
	dst = append(dst, `,"results":[`...)
	dst = appendResults(dst, outcomes, invalid, minimal)
	return append(dst, "]}\n"...), counts
}

// appendResults appends the elements of results.
func appendResults(dst []byte, outcomes []event.Outcome, invalid []invalidEvent, minimal bool) []byte {
	begin := len(dst)
	total := int64(len(outcomes) + len(invalid))
	for at := range total {
		var faults []event.FieldError
		outcome := event.Rejected
		if len(invalid) > 0 && invalid[0].at == at {
			faults, invalid = invalid[0].faults, invalid[1:]
		} else {
			outcome, outcomes = outcomes[0], outcomes[1:]
			faults = []event.FieldError{{Field: "body", Message: "is refused by the database"}}
		}
		if minimal && outcome != event.Rejected {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		switch outcome {
		case event.Stored:
			dst = append(dst, `{"status":"success"}`...)
		case event.Duplicate:
			dst = append(dst, `{"status":"ignored"}`...)
		case event.Queued:
			dst = append(dst, `{"status":"queued"}`...)
		default:
			place := ""
			if minimal {
				place = "index"
			}
			dst = appendInvalid(dst, place, at, faults)
		}
	}
	return dst
}

// appendInvalid appends the result of an invalid event, with its place under
// that name where there is one.
func appendInvalid(dst []byte, place string, at int64, faults []event.FieldError) []byte {
	dst = append(dst, '{')
	if place != "" {
		dst = append(dst, `"`+place+`":`...)
		dst = append(strconv.AppendInt(dst, at, 10), ',')
	}
	dst = append(dst, `"status":"`+api.StatusInvalid+`","errors":`...)
	text, err := json.Marshal(faults)
	if err != nil { // two texts a fault: it always encodes
		text = []byte("[]")
	}
	return append(append(dst, text...), '}')
}

// appendTally appends the beginning of an [api.Batch], its counts.
func appendTally(dst []byte, t tally) []byte {
	dst = strconv.AppendInt(append(dst, `{"received":`...), t.valid(), 10)
	dst = strconv.AppendInt(append(dst, `,"success":`...), t.success, 10)
	dst = strconv.AppendInt(append(dst, `,"ignored":`...), t.ignored, 10)
	if t.queued > 0 {
		dst = strconv.AppendInt(append(dst, `,"queued":`...), t.queued, 10)
	}
	return strconv.AppendInt(append(dst, `,"invalid":`...), t.invalid, 10)
}
