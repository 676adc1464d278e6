package publish

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/cloudevents"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// decoders are the decoders of one request.
type decoders struct {
	event *codec.Decoder
	cloud *cloudevents.Decoder
}

func newDecoders() decoders {
	return decoders{event: codec.NewDecoder(), cloud: cloudevents.NewDecoder()}
}

// content is what a body turned out to be.
type content uint8

const (
	single content = iota // one event
	batch                 // several events, or an array of any length
)

// invalidEvent is an event that can't be stored. At is its index in a batch,
// from 0, or its line in a stream, from 1. Only the first maxErrors have fields.
type invalidEvent struct {
	at     int64
	fields []event.FieldError
}

// decode reads the events of a whole body into p.events, and the invalid ones of
// a batch into p.invalid.
func (p *request) decode(header http.Header, form form) (content, error) {
	switch form {
	case formCloudEvents:
		if !bytes.HasPrefix(bytes.TrimLeft(codec.WithoutBOM(p.body), " \t\r\n"), []byte("[")) {
			return batch, &event.InvalidError{Fields: []event.FieldError{{Field: "body", Message: "must be a JSON array"}}}
		}
		return batch, p.decodeBatch(p.structured)
	case formCloudEvent:
		return single, p.decodeOne(p.structured)
	case formBinary:
		return single, p.decodeOne(func(data []byte) (event.Event, error) {
			return p.decoders.cloud.Binary(header, data, p.handler.options.Now())
		})
	default:
		return p.decodeJSON()
	}
}

// structured decodes one CloudEvent in structured mode. It is a method because a
// closure in decode would cost every event an allocation.
func (p *request) structured(text []byte) (event.Event, error) {
	return p.decoders.cloud.Structured(text, p.handler.options.Now())
}

// decodeJSON reads one event, a batch, or several events, one a line. Nearly all
// bodies are one event, so that is tried first.
func (p *request) decodeJSON() (content, error) {
	p.decoders.event.SetDefaults(p.defaults)
	err := p.decodeOne(p.decoders.event.Decode)
	if err == nil {
		return single, nil
	}
	p.setBatchDefaults()
	if errBatch := p.decodeBatch(nil); !errors.Is(errBatch, codec.ErrNotBatch) {
		if errBatch == nil {
			p.hintCloudEvents()
		}
		return batch, errBatch
	}
	if severalLines(p.body) {
		return batch, p.decodeLines()
	}
	return single, err
}

// setBatchDefaults sets the defaults of several events, which can't share an event_id.
func (p *request) setBatchDefaults() {
	several := p.defaults
	several.ID = ""
	p.decoders.event.SetDefaults(several)
}

// decodeLines reads a body that has one event a line. Its media type is that of one
// event, so it is a batch and not a stream.
func (p *request) decodeLines() error {
	options := p.handler.options
	p.events, p.invalid = p.events[:0], p.invalid[:0]
	lines := codec.NewLineReader(bytes.NewReader(p.body), int(options.MaxEventBytes))
	for {
		text, err := lines.Next()
		if errors.Is(err, io.EOF) || p.full != nil {
			return p.full
		}
		if len(p.events)+len(p.invalid) == options.MaxBatchEvents {
			return tooManyEvents(options.MaxBatchEvents)
		}
		var e event.Event
		if err == nil {
			e, err = p.decoders.event.Decode(text)
		} else {
			err = codec.EventTooLong(int(options.MaxEventBytes))
		}
		p.add(e, err)
	}
}

// add takes an event of a batch, or the error of an invalid one. It drops it if there is
// no memory, and sets p.full.
func (p *request) add(e event.Event, err error) {
	if p.full != nil {
		return
	}
	defer p.chargeEvents()
	if err == nil {
		err = p.checkTopic(e)
	}
	if err == nil {
		p.events = append(p.events, e)
		return
	}
	invalid := invalidEvent{at: int64(len(p.events) + len(p.invalid))}
	if len(p.invalid) < maxErrors {
		invalid.fields = fieldErrors(err)
	}
	p.invalid = append(p.invalid, invalid)
}

// decodeOne reads a body that is one event.
func (p *request) decodeOne(decode func([]byte) (event.Event, error)) error {
	limit := p.handler.options.MaxEventBytes
	if int64(len(p.body)) > limit {
		return eventTooLarge(limit)
	}
	e, err := decode(p.body)
	if err != nil {
		return err
	}
	if int64(len(e.Payload)) > limit { // the binary mode quotes its data, which makes it longer
		return eventTooLarge(limit)
	}
	p.events = append(p.events[:0], e)
	return nil
}

// decodeBatch reads several events. Invalid ones do not affect the others.
func (p *request) decodeBatch(decode func([]byte) (event.Event, error)) error {
	options := p.handler.options
	p.events, p.invalid = p.events[:0], p.invalid[:0]
	err := p.decoders.event.DecodeBatch(p.body, codec.BatchOptions{
		MaxEvents: options.MaxBatchEvents, MaxEventBytes: int(options.MaxEventBytes), Decode: decode,
		Each: p.add,
	})
	if errors.Is(err, codec.ErrTooManyEvents) {
		return tooManyEvents(options.MaxBatchEvents)
	}
	return cmp.Or(p.full, err)
}

// tooManyEvents refuses a batch of more than limit events.
func tooManyEvents(limit int) error {
	return &respond.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: "The batch has more than " + strconv.Itoa(limit) +
			" events; send several batches, or one event a line as application/x-ndjson.",
	}
}

// eventTooLarge refuses a single event of more than limit bytes.
func eventTooLarge(limit int64) error {
	return &respond.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: "The event is longer than the limit of " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// fieldErrors returns what is wrong with an event.
func fieldErrors(err error) []event.FieldError {
	if invalid, ok := errors.AsType[*event.InvalidError](err); ok {
		return invalid.Fields
	}
	return []event.FieldError{{Field: "body", Message: err.Error()}}
}
