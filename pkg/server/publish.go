package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/cloudevents"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// publishing is what one POST /publish works with. It is used again for others.
type publishing struct {
	decoder *codec.Decoder
	cloud   *cloudevents.Decoder
	body    []byte
	answer  []byte
	events  []event.Event
	invalid []invalidEvent

	budget  *budget
	charged int64
	room    int64      // charged for the body
	packed  *dryReader // the body as it comes
	close   func()
}

func (s *Server) newPublishing() any {
	return &publishing{
		decoder: codec.NewDecoder(), cloud: cloudevents.NewDecoder(), budget: &s.budget,
		packed: &dryReader{limit: s.options.MaxBodyBytes + 64<<10}, // what can't be packed grows a little
	}
}

// What a publishing may keep for the next request. Most events are small; the
// rare large ones must not be held for ever.
const (
	keepBytes  = 16 << 10
	keepEvents = 64
)

// charge puts n more bytes on the budget, until the request is answered.
func (p *publishing) charge(n int64) error {
	if err := p.budget.reserve(n, p.charged); err != nil {
		return err
	}
	p.charged += n
	return nil
}

// chargeBody puts a body of size bytes on the budget, but for what is there
// already.
func (p *publishing) chargeBody(size int64) error {
	if size <= max(p.room, freeBytes) {
		return nil
	}
	if err := p.charge(size - p.room); err != nil {
		return err
	}
	p.room = size
	return nil
}

// chargePromise is chargeBody for a large body that was only announced so far.
func (p *publishing) chargePromise(size int64) error {
	if size <= smallPromise {
		return p.chargeBody(size)
	}
	if err := p.budget.promise(size); err != nil {
		return err
	}
	p.charged += size
	p.room = size
	return nil
}

// grow makes room in the body, for limit bytes at most.
func (p *publishing) grow(limit int64) error {
	const least = 1 << 10
	size := min(max(least, 2*int64(cap(p.body))), max(limit, least))
	if err := p.chargeBody(size); err != nil {
		return err
	}
	grown := make([]byte, len(p.body), size)
	copy(grown, p.body)
	p.body = grown
	return nil
}

// dropBody lets go of a large body that is decoded. It stays on the budget for
// the events that were made from it.
func (p *publishing) dropBody() {
	if cap(p.body) > keepBytes {
		p.body = nil
	}
}

// recycle makes p ready for another request.
func (s *Server) recycle(p *publishing) {
	if p.close != nil {
		p.close()
		p.close = nil
	}
	p.packed.in = nil
	p.budget.release(p.charged)
	p.charged, p.room = 0, 0
	p.dropBody()
	if cap(p.answer) > keepBytes {
		p.answer = nil
	}
	if cap(p.events) > keepEvents {
		p.events = nil
	}
	clear(p.events[:cap(p.events)])
	p.invalid = nil
	s.work.Put(p)
}

// publish takes events in any of the forms. It answers 2xx only once those that
// it counts as stored or ignored are committed.
func (s *Server) publish(c echo.Context) error {
	r := c.Request()
	form, err := formOf(r.Header)
	if err != nil {
		return err
	}
	p := s.work.Get().(*publishing)
	defer s.recycle(p)
	p.packed.in, p.packed.read = r.Body, 0
	body, err := s.open(p, r)
	if err != nil {
		return err
	}
	if form == formLines {
		return s.publishLines(c, p, body)
	}
	length := r.ContentLength
	if body != io.Reader(p.packed) {
		length = -1 // it counts what is packed
	}
	if err := s.readBody(p, body, length, s.options.MaxBodyBytes); err != nil {
		return err
	}
	if err := s.publishWhole(c, p, form); err != nil {
		return hinted(err, form, r.Header, p.body)
	}
	return nil
}

// publishWhole takes the events of a body that was read to its end.
func (s *Server) publishWhole(c echo.Context, p *publishing, form form) error {
	switch form {
	case formCloudEvents:
		if !bytes.HasPrefix(bytes.TrimLeft(p.body, " \t\r\n"), []byte("[")) {
			return &event.InvalidError{Fields: []event.FieldError{{Field: "body", Message: "must be a JSON array"}}}
		}
		return s.publishBatch(c, p, s.cloudEvent(p))
	case formCloudEvent:
		e, err := s.single(p, s.cloudEvent(p))
		return s.publishOne(c, p, e, err)
	case formBinary:
		e, err := s.single(p, func(data []byte) (event.Event, error) {
			return p.cloud.Binary(c.Request().Header, data, s.options.Now())
		})
		return s.publishOne(c, p, e, err)
	default:
		return s.publishJSON(c, p)
	}
}

// publishJSON takes one event or a batch. Nearly all are one event, so that is
// what is tried first.
func (s *Server) publishJSON(c echo.Context, p *publishing) error {
	e, err := s.single(p, p.decoder.Decode)
	if err != nil {
		errBatch := s.publishBatch(c, p, nil)
		if !errors.Is(errBatch, codec.ErrNotBatch) {
			return errBatch
		}
	}
	return s.publishOne(c, p, e, err)
}

// single decodes a body that is one event.
func (s *Server) single(p *publishing, decode func([]byte) (event.Event, error)) (event.Event, error) {
	if limit := s.options.MaxEventBytes; int64(len(p.body)) > limit {
		return event.Event{}, errTooLong(limit)
	}
	e, err := decode(p.body)
	if err == nil && int64(len(e.Payload)) > s.options.MaxEventBytes { // the binary mode quotes
		return event.Event{}, errTooLong(s.options.MaxEventBytes)
	}
	return e, err
}

// cloudEvent decodes an event that is a CloudEvent in JSON.
func (s *Server) cloudEvent(p *publishing) func([]byte) (event.Event, error) {
	return func(data []byte) (event.Event, error) { return p.cloud.Structured(data, s.options.Now()) }
}

// publishOne stores and answers one event.
func (s *Server) publishOne(c echo.Context, p *publishing, e event.Event, err error) error {
	if err != nil {
		s.count(tally{invalid: 1})
		return err
	}
	p.dropBody()
	p.events = append(p.events[:0], e)
	outcomes, err := s.append(c.Request(), p.events)
	if err != nil {
		return err
	}
	s.countOne(outcomes[0])
	switch outcomes[0] {
	case event.Stored:
		p.answer = appendPublished(p.answer[:0], api.StatusSuccess, "event stored", e)
	case event.Duplicate:
		p.answer = appendPublished(p.answer[:0], api.StatusIgnored, "event was stored before; this repeat is counted and dropped", e)
	case event.Queued:
		p.answer = appendPublished(p.answer[:0], api.StatusQueued, "event is queued safely; it will be stored, or counted as a repeat", e)
		preferencesOf(c.Request().Header).tell(c.Response().Header(), true)
		return s.write(c, http.StatusAccepted, s.headers.json, p.answer)
	default:
		return &requestError{status: http.StatusUnprocessableEntity, detail: refusedByStore}
	}
	return s.write(c, http.StatusOK, s.headers.json, p.answer)
}

// refusedByStore is what the sender hears of an event that passed validation
// and that the database refuses all the same.
const refusedByStore = "The database refuses this event."

// append appends events for a request, in the way that it prefers. The request's
// context ends when the client closes its half of the connection, and a client
// may do so and wait for the answer. The appender bounds the wait.
func (s *Server) append(r *http.Request, events []event.Event) ([]event.Outcome, error) {
	ctx, way := context.WithoutCancel(r.Context()), s.options.Appender
	switch prefer := preferencesOf(r.Header); {
	case prefer.wait > 0:
		way = s.options.Direct
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, prefer.wait)
		defer cancel()
	case prefer.async:
		way = s.options.Async
	}
	outcomes, err := way.Append(ctx, events)
	if err == nil && len(outcomes) != len(events) {
		return nil, errOutcomes
	}
	return outcomes, err
}

// errOutcomes says that the appender broke its contract.
var errOutcomes = errors.New("append: not one outcome for one event")

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
