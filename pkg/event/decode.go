package event

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads one event from the text of one JSON object. It returns the
// event, or an [*InvalidError] with every fault that can be found: a wrong
// timestamp does not hide a missing topic. Members it does not know are
// ignored. The event keeps no reference to data.
func Decode(data []byte) (Event, error) { return NewDecoder().Decode(data) }

// Decoder decodes one event after another and keeps its working memory in
// between. It is not safe for concurrent use; make one with [NewDecoder].
type Decoder struct {
	input   bytes.Buffer
	members *jsontext.Decoder
	payload *jsontext.Decoder
	lenient jsontext.Options
	quick   quick
	text    []byte // all texts of the event, one behind the other
}

// NewDecoder returns a Decoder without working memory yet.
func NewDecoder() *Decoder {
	d := &Decoder{lenient: json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	d.members = jsontext.NewDecoder(&d.input, d.lenient)
	d.payload = jsontext.NewDecoder(&d.input)
	return d
}

// keptBytes is how much working memory a Decoder keeps for the next event.
const keptBytes = 64 << 10

// Decode is [Decode] with the Decoder's memory.
func (d *Decoder) Decode(data []byte) (Event, error) {
	defer d.shrink()
	if e, end, ok := d.quick.event(data); ok && len(bytes.TrimLeft(data[end:], " \t\r\n")) == 0 {
		return e, nil
	}
	return d.careful(data)
}

// shrink gives working memory back after a large event.
func (d *Decoder) shrink() {
	if cap(d.text) > keptBytes {
		d.text = nil
	}
	if cap(d.quick.text) > keptBytes {
		d.quick.text = nil
	}
}

// restart lets the decoder for members read data.
func (d *Decoder) restart(data []byte) {
	d.input = *bytes.NewBuffer(data)
	d.members.Reset(&d.input, d.lenient)
}

// careful decodes what is written in an uncommon way, and words every fault.
func (d *Decoder) careful(data []byte) (Event, error) {
	var found faults
	raw, err := d.split(&found, data)
	if err != nil {
		found.add(fieldBody, err.Error())
		return Event{}, found.err()
	}
	d.text = d.text[:0]
	topic := d.unquote(&found, fieldTopic, raw.topic)
	id := d.unquote(&found, fieldID, raw.id)
	timestamp := d.unquote(&found, fieldTimestamp, raw.timestamp)
	source := d.unquote(&found, fieldSource, raw.source)
	payload := d.compact(&found, raw.payload)

	// One string holds all texts of the event: one allocation instead of four.
	texts := string(d.text)
	var e Event
	e.Topic = topic.check(&found, fieldTopic, texts, MaxTopicBytes)
	e.ID = id.check(&found, fieldID, texts, MaxIDBytes)
	if timestamp.there {
		if e.Timestamp, err = ParseTime(timestamp.of(texts)); err != nil {
			found.add(fieldTimestamp, err.Error())
		}
	}
	e.Source = source.check(&found, fieldSource, texts, MaxSourceBytes)
	e.Payload = payload.of(texts)
	if len(found) > 0 {
		return Event{}, found.err()
	}
	return e, nil
}

// span is where one text of the event lies among all of them.
type span struct {
	from, to int
	there    bool
}

func (s span) of(texts string) string { return texts[s.from:s.to] }

func (s span) check(found *faults, field, texts string, maxBytes int) string {
	text := s.of(texts)
	if s.there {
		checkText(found, field, text, maxBytes)
	}
	return text
}

// unquote adds the text of a JSON string to d.text.
func (d *Decoder) unquote(found *faults, field string, raw jsontext.Value) span {
	switch {
	case !present(found, field, raw):
		return span{}
	case raw.Kind() != '"':
		found.add(field, "must be a string")
		return span{}
	}
	from := len(d.text)
	text, err := jsontext.AppendUnquote(d.text, raw)
	if err != nil {
		found.add(field, "must be valid UTF-8 without lone surrogates")
		return span{}
	}
	d.text = text
	return span{from: from, to: len(text), there: true}
}

// compact adds the text of a payload to d.text.
func (d *Decoder) compact(found *faults, raw jsontext.Value) span {
	if !present(found, fieldPayload, raw) {
		return span{}
	}
	from := len(d.text)
	text, err := d.appendPayload(d.text, raw)
	if err != nil {
		found.add(fieldPayload, err.Error())
		return span{}
	}
	d.text = text
	return span{from: from, to: len(text), there: true}
}

// present reports whether a member is there and not null, and notes it if not.
func present(found *faults, field string, raw jsontext.Value) bool {
	switch {
	case raw == nil:
		found.add(field, "is required")
		return false
	case raw.Kind() == 'n':
		found.add(field, "must not be null")
		return false
	}
	return true
}
