package publish

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/memory"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// Options are the dependencies and limits of a Handler. All fields but OnEvents,
// TopicsRefused, ConflictRejected and OnLimited are required.
type Options struct {
	// Appender takes the events, Direct those of a request with "Prefer:
	// wait=SECONDS", and Async those of a request with "Prefer: respond-async".
	Appender, Direct, Async store.Appender
	// TopicsRefused returns the topics of events that a limit of topics refuses. It is
	// called for events that are stored together or not at all. nil: no limit.
	TopicsRefused func(context.Context, []event.Event) map[string]bool
	// ConflictRejected reports whether the sender of a conflict in a topic gets an error.
	// nil: never.
	ConflictRejected func(topic string) bool
	// Stored returns the stored event with a key.
	Stored func(context.Context, event.Key) (store.Record, error)
	// MayRead reports whether the sender may read stored events.
	MayRead func(*auth.Identity) bool
	// MaxBodyBytes is the maximum size of a body after decompression, except of
	// NDJSON; MaxEventBytes that of one event; MaxBatchEvents the maximum number
	// of events in an array.
	MaxBodyBytes   int64
	MaxEventBytes  int64
	MaxBatchEvents int
	// MaxBufferedBytes is the maximum memory for the bodies of all requests.
	MaxBufferedBytes int64
	// ReadTimeout limits the wait for the next bytes of a body or the next line of a
	// stream, WriteTimeout the time for the response after a long upload.
	ReadTimeout, WriteTimeout time.Duration
	// Shutdown ends when streams of lines must stop.
	Shutdown context.Context
	// Limiter measures the rate of each client.
	Limiter *auth.Limiter
	// OnLimited is called for each request that exceeds a limit of its client, with
	// slowed for a stream of lines, which is not refused. It is called concurrently.
	// nil: no calls.
	OnLimited func(id *auth.Identity, slowed bool)
	// OnEvents receives the outcomes of events before their sender does, and the ID of
	// the sender's key. It is called concurrently. nil discards them.
	OnEvents func(key string, t event.Tally)
	// Current returns who the sender of a stream of lines is now, after keys were loaded
	// again: with other limits, perhaps, or nil if the sender may not continue. nil: the
	// sender stays the same.
	Current func(*auth.Identity) *auth.Identity
	// Now is the clock.
	Now func() time.Time
}

// Handler handles POST /publish.
type Handler struct {
	options Options
	headers respond.Headers
	budget  *memory.Budget
	pool    sync.Pool // of *request
	buffers sync.Pool // of *[codec.LargeBuffer]byte
}

// New returns a Handler.
func New(options Options) *Handler {
	h := &Handler{options: options, headers: respond.NewHeaders(), budget: memory.NewBudget(options.MaxBufferedBytes, respond.ErrBodyMemory, options.Now)}
	h.buffers.New = func() any { return new([codec.LargeBuffer]byte) }
	h.pool.New = func() any { return newRequest(h) }
	return h
}

// Publish takes events in any form. It responds with 2xx only once the events
// that it counts as success or ignored are committed.
func (h *Handler) Publish(c echo.Context) error {
	r := c.Request()
	form, err := detectForm(r.Header)
	if err != nil {
		return err
	}
	p := h.pool.Get().(*request)
	defer p.recycle()
	p.sender = respond.Identity(c)
	p.prefer = parsePreferences(r.Header)
	p.raw.reset(r.Body)
	if err := h.checkLimits(p, form); err != nil {
		return err
	}
	body, err := p.decompress(r.Header)
	if err != nil {
		return err
	}
	if p.defaults, err = h.parseDefaults(r); err != nil {
		return err
	}
	if form == formLines {
		return h.publishLines(c, p, body)
	}
	now := time.Now()
	p.raw.progress = progressDeadline{writer: c.Response(), timeout: h.options.ReadTimeout, begin: now, extended: now}
	length := r.ContentLength
	if body != io.Reader(p.raw) {
		length = -1 // it counts compressed bytes
	}
	if err := p.readBody(r.Context(), body, length, h.options.MaxBodyBytes); err != nil {
		h.options.Limiter.Charge(p.sender, auth.Usage{Bytes: int64(len(p.body))})
		return err
	}
	p.closeDecoder()
	p.raw.progress.extendWrite(h.options.WriteTimeout)
	if err := h.publishWhole(c, p, form); err != nil {
		return withHint(err, form, r.Header, p.body)
	}
	return nil
}

// publishWhole takes the events of a body that was read to its end.
func (h *Handler) publishWhole(c echo.Context, p *request, form form) error {
	bytes := int64(len(p.body))
	decoded, err := p.decode(c.Request().Header, form)
	if err != nil {
		h.options.Limiter.Charge(p.sender, auth.Usage{Events: 1, Bytes: bytes})
		p.report(event.Tally{Invalid: 1})
		return err
	}
	if err := h.takeLimits(p, bytes); err != nil {
		return err
	}
	p.dropBody()
	if decoded == single {
		if err := p.checkTopic(p.events[0]); err != nil {
			p.report(event.Tally{Invalid: 1})
			return respond.TopicForbidden("The API key may not publish events of this topic. Nothing was stored.")
		}
	}
	if decoded == batch && p.prefer.strict {
		if outcomes := h.skipped(c.Request().Context(), p); outcomes != nil {
			return h.respondSkipped(c, p, outcomes)
		}
	}
	outcomes, err := h.append(c.Request(), p.prefer, p.events)
	if err != nil {
		return err
	}
	if decoded == single {
		return h.respondOne(c, p, outcomes[0])
	}
	return h.respondBatch(c, p, outcomes)
}

// skipped returns the outcomes of the valid events of a batch that is not stored, because
// the client prefers strict handling and some events are invalid. Most have no outcome.
// nil: it can be stored.
func (h *Handler) skipped(ctx context.Context, p *request) []event.Outcome {
	var refused map[string]bool
	if h.options.TopicsRefused != nil {
		refused = h.options.TopicsRefused(ctx, p.events)
	}
	if len(p.invalid) == 0 && len(refused) == 0 {
		return nil
	}
	outcomes := make([]event.Outcome, len(p.events))
	for i := range p.events {
		if refused[p.events[i].Topic] {
			outcomes[i] = event.TopicRefused
		}
	}
	return outcomes
}

// request is the state of one POST /publish. It is reused for others.
type request struct {
	handler *Handler

	sender     *auth.Identity
	prefer     preferences
	raw        *rawBody // the body as it arrives
	closeCodec func()   // frees the decompressor; nil for none
	body       []byte
	decoders   decoders
	defaults   codec.Defaults // of members that events do not have
	events     []event.Event
	invalid    []invalidEvent
	response   []byte
	full       error // why the memory for more events was refused

	charged int64 // bytes on the budget
	room    int64 // the part of charged that is for the body
	window  int64 // the part of charged that is for the decompressor
}

// report passes outcomes on to Options.OnEvents.
func (p *request) report(t event.Tally) {
	if p.handler.options.OnEvents != nil && t != (event.Tally{}) {
		p.handler.options.OnEvents(p.sender.Key, t)
	}
}

// checkTopic returns an error if the key of the sender may not publish an event's topic.
func (p *request) checkTopic(e event.Event) error {
	if p.sender.MayUse(e.Topic) {
		return nil
	}
	return &event.InvalidError{Fields: []event.FieldError{{Field: event.FieldTopic, Message: "is not one that this API key may publish"}}}
}

func newRequest(h *Handler) *request {
	const incompressible = 64 << 10 // compression makes some bodies a little larger
	return &request{
		handler: h, sender: new(auth.Identity), decoders: newDecoders(),
		raw: &rawBody{idleByteLimit: idleByteLimit{limit: h.options.MaxBodyBytes + incompressible}},
	}
}

// What a request may keep for the next one. Most events are small. The buffers of
// the rare large ones must not be held for ever.
const (
	keepBytes  = 16 << 10
	keepEvents = 64
)

// recycle makes p ready for another request.
func (p *request) recycle() {
	p.closeDecoder()
	p.raw.reset(http.NoBody)
	if p.charged > 0 {
		p.handler.budget.Release(p.sender.Client(), p.charged)
	}
	p.sender = nil
	p.charged, p.room, p.full = 0, 0, nil
	p.dropBody()
	if cap(p.response) > keepBytes {
		p.response = nil
	}
	if cap(p.events) > keepEvents {
		p.events = nil
	}
	clear(p.events[:cap(p.events)])
	p.invalid = nil
	p.handler.pool.Put(p)
}

// dropBody frees a large body after it was decoded. It stays on the budget for
// the events that were made from it.
func (p *request) dropBody() {
	if cap(p.body) > keepBytes {
		p.body = nil
	}
}
