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
	known      [places]value
	extensions []extension
	text       []byte // texts that had to be unescaped
	payload    []byte // of the event, as far as it is put together
	found      event.FieldErrors
}

// NewDecoder returns a Decoder without working memory yet.
func NewDecoder() *Decoder { return &Decoder{json: codec.NewDecoder()} }

// Structured reads an event from the text of one JSON object, as in a request
// with the media type application/cloudevents+json and as an element of the
// array of an application/cloudevents-batch+json.
//
// An event without a time gets now. The error is an [*event.InvalidError] whose
// faults name the attributes of the CloudEvent, or "body" where the text is no
// JSON object. The event keeps no reference to data.
func (d *Decoder) Structured(data []byte, now time.Time) (event.Event, error) {
	defer d.release()
	if err := d.json.Members(data, d.member); err != nil {
		d.found = nil
		d.fault("body", err.Error())
		return event.Event{}, d.err()
	}
	e, content := d.attributes(now)
	d.dataMembers(content)
	return d.finish(e)
}

// Binary reads an event from the headers and the body of an HTTP message, as in
// a request for which [IsBinary] holds. For the rest it is like
// [Decoder.Structured].
func (d *Decoder) Binary(header http.Header, body []byte, now time.Time) (event.Event, error) {
	defer d.release()
	d.headers(header)
	e, content := d.attributes(now)
	d.bodyData(content, body)
	return d.finish(e)
}

// member notes one member of the JSON object.
func (d *Decoder) member(name, raw jsontext.Value) {
	// An error means characters that no attribute has in its name.
	text, _ := d.unquote(name)
	d.note(text, value{there: true, raw: raw})
}

// note keeps a value until all are there.
func (d *Decoder) note(name []byte, v value) {
	at := placeOf(name)
	switch {
	case at == none:
		d.extensions = append(d.extensions, extension{name: name, value: v})
	case d.known[at].there:
		d.known[at].fault = cmp.Or(d.known[at].fault, faultTwice)
	default:
		d.known[at] = v
	}
}

// attributes puts together the event and its payload up to the data, and says
// what the data is.
func (d *Decoder) attributes(now time.Time) (event.Event, content) {
	var e event.Event
	e.Topic = d.identifying(placeType, event.MaxTopicBytes)
	source := d.source()
	e.ID = source + " " + d.id(source)
	e.Source = e.ID[:len(source)] // one allocation for both
	e.Timestamp = d.time(now)

	d.specVersion()
	d.payload = append(d.payload[:0], `{"specversion":"`+specVersion+`"`...)
	contentType := d.contentType()
	d.schema()
	d.subject()
	d.addExtensions()
	return e, contentType
}

// finish returns the event with its payload, or all its faults.
func (d *Decoder) finish(e event.Event) (event.Event, error) {
	if err := d.err(); err != nil {
		return event.Event{}, err
	}
	e.Payload = string(append(d.payload, '}'))
	return e, nil
}

// maxFaults bounds the faults that are named. There can be one for every few
// bytes of an event, as it is the sender who names the extensions, and an answer
// must not be many times as long as the request.
const maxFaults = 20

// fault notes what is wrong with the attribute of that name.
func (d *Decoder) fault(name, message string) {
	if len(d.found) < maxFaults {
		d.found.Add(name, message)
	}
}

// err returns the faults. They are in the order of the attributes already.
func (d *Decoder) err() error {
	if len(d.found) == 0 {
		return nil
	}
	return &event.InvalidError{Fields: d.found}
}

// How much working memory a Decoder keeps for the next event.
const (
	keptBytes      = 64 << 10
	keptExtensions = 64
)

// release forgets the event.
func (d *Decoder) release() {
	clear(d.known[:])
	clear(d.extensions) // they hold on to the data
	d.extensions = emptied(d.extensions, keptExtensions)
	d.text = emptied(d.text, keptBytes)
	d.payload = emptied(d.payload, keptBytes)
	d.found = nil // the caller has them
}

// emptied is the memory of a slice for the next event, unless it is too much.
func emptied[T any](s []T, most int) []T {
	if cap(s) > most {
		return nil
	}
	return s[:0]
}
