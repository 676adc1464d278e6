package cloudevents

import (
	"cmp"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// Decoder decodes one CloudEvent after another and keeps its working memory in
// between. It is not safe for concurrent use; make one with [NewDecoder].
type Decoder struct {
	json       *codec.Decoder
	known      [attributeCount]value
	extensions []extension
	text       []byte // texts after unescaping
	payload    []byte // the part of the payload built so far
	found      event.FieldErrors
}

// NewDecoder returns a Decoder without working memory.
func NewDecoder() *Decoder { return &Decoder{json: codec.NewDecoder()} }

// Structured reads an event from the text of one JSON object, as in a request
// with the media type application/cloudevents+json and as an element of the
// array of an application/cloudevents-batch+json.
//
// An event without a time gets now. The error is an [*event.InvalidError] about
// the attributes of the CloudEvent, or about "body" if the text is not a JSON
// object. The event keeps no reference to data.
func (d *Decoder) Structured(data []byte, now time.Time) (event.Event, error) {
	defer d.release()
	if err := d.json.Members(data, d.member); err != nil {
		d.found = nil
		d.addError("body", err.Error())
		return event.Event{}, d.err()
	}
	e, content := d.attributes(now)
	d.dataMembers(content)
	return d.finish(e)
}

// Binary reads an event from the headers and the body of an HTTP message, as in
// a request for which [IsBinary] returns true. Everything else is as in
// [Decoder.Structured].
func (d *Decoder) Binary(header http.Header, body []byte, now time.Time) (event.Event, error) {
	defer d.release()
	d.headers(header)
	e, content := d.attributes(now)
	d.bodyData(content, body)
	return d.finish(e)
}

// member keeps one member of the JSON object.
func (d *Decoder) member(name, raw jsontext.Value) {
	// An error means characters that are invalid in a name.
	text, _ := d.unquote(name)
	d.setValue(text, value{present: true, raw: raw})
}

// setValue keeps a value until all are read.
func (d *Decoder) setValue(name []byte, v value) {
	at := attributeOf(name)
	switch {
	case at == attrExtension:
		d.extensions = append(d.extensions, extension{name: name, value: v})
	case d.known[at].present:
		d.known[at].message = cmp.Or(d.known[at].message, msgTwice)
	default:
		d.known[at] = v
	}
}

// attributes builds the event and the payload up to the data, and returns what
// the data is.
func (d *Decoder) attributes(now time.Time) (event.Event, content) {
	var e event.Event
	e.Topic = d.identifying(attrType, event.MaxTopicBytes)
	source := d.source()
	e.ID = source + " " + d.id(source)
	e.Source = e.ID[:len(source)] // one allocation for both
	e.Timestamp, e.TimeAssigned = d.time(now)

	d.specVersion()
	d.payload = append(d.payload[:0], `{"specversion":"`+specVersion+`"`...)
	contentType := d.contentType()
	d.schema()
	d.subject()
	d.addExtensions()
	return e, contentType
}

// finish returns the event with its payload, or all errors.
func (d *Decoder) finish(e event.Event) (event.Event, error) {
	if err := d.err(); err != nil {
		return event.Event{}, err
	}
	e.Payload = string(append(d.payload, '}'))
	return e, nil
}

// maxErrors is the maximum number of errors of one event. The sender chooses the
// names of the extensions, so there can be an error for every few bytes. The
// response must not be many times as long as the request.
const maxErrors = 20

// addError adds an error about an attribute.
func (d *Decoder) addError(name, message string) {
	if len(d.found) < maxErrors {
		d.found.Add(name, message)
	}
}

// err returns the errors. They are in the order of the attributes already.
func (d *Decoder) err() error {
	if len(d.found) == 0 {
		return nil
	}
	return &event.InvalidError{Fields: d.found}
}

// The maximum sizes of the working memory that a Decoder keeps.
const (
	maxKeptBytes      = 64 << 10
	maxKeptExtensions = 64
)

// release drops all references to the event.
func (d *Decoder) release() {
	clear(d.known[:])
	clear(d.extensions) // they refer to the data
	d.extensions = emptied(d.extensions, maxKeptExtensions)
	d.text = emptied(d.text, maxKeptBytes)
	d.payload = emptied(d.payload, maxKeptBytes)
	d.found = nil // now owned by the caller
}

// emptied returns the memory of a slice for the next event, unless it is too
// large.
func emptied[T any](s []T, maximum int) []T {
	if cap(s) > maximum {
		return nil
	}
	return s[:0]
}
