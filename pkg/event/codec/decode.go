package codec

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/payload"
)

// Decode reads one event from the text of one JSON object. It returns the event
// or an [*event.InvalidError] with every field error that can be found: an
// invalid timestamp does not hide a missing topic. Unknown members are ignored.
// The event keeps no reference to data.
func Decode(data []byte) (event.Event, error) { return NewDecoder().Decode(data) }

// Decoder decodes one event after another and keeps its working memory in
// between. It is not safe for concurrent use; make one with [NewDecoder].
type Decoder struct {
	input   bytes.Buffer
	members *jsontext.Decoder
	lenient jsontext.Options
	payload *payload.Checker
	fast    fastDecoder
	text    []byte // all texts of the event, one after the other
	// misnamed is [members].misnamed of the event that is being decoded.
	misnamed map[string]string
	defaults Defaults
}

// Defaults are values for members that an event does not have. An empty value is no
// default. A member that is null is invalid all the same.
type Defaults struct {
	Topic, ID, Source string
	Timestamp         time.Time
}

// SetDefaults sets the values for members that the following events do not have.
func (d *Decoder) SetDefaults(defaults Defaults) { d.defaults = defaults }

// of returns the default of a member that is a text.
func (d Defaults) of(field string) string {
	switch field {
	case event.FieldTopic:
		return d.Topic
	case event.FieldID:
		return d.ID
	case event.FieldSource:
		return d.Source
	default:
		return ""
	}
}

// NewDecoder returns a Decoder without working memory.
func NewDecoder() *Decoder {
	d := &Decoder{
		lenient: json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		payload: payload.NewChecker(),
	}
	d.members = jsontext.NewDecoder(&d.input, d.lenient)
	return d
}

// maxKeptBytes is the maximum size of the working memory that a Decoder or a
// LineReader keeps for the next event.
const maxKeptBytes = 64 << 10

// Decode is [Decode] with the Decoder's memory.
func (d *Decoder) Decode(data []byte) (event.Event, error) {
	defer d.shrink()
	if e, end, ok := d.fast.event(data); ok && len(bytes.TrimLeft(data[end:], " \t\r\n")) == 0 {
		return e, nil
	}
	return d.strict(data)
}

// AppendValue checks a part of a payload; see [payload.Checker.AppendValue].
func (d *Decoder) AppendValue(dst []byte, raw jsontext.Value, level int) ([]byte, error) {
	return d.payload.AppendValue(dst, raw, level)
}

// shrink releases working memory after a large event.
func (d *Decoder) shrink() {
	if cap(d.text) > maxKeptBytes {
		d.text = nil
	}
	if cap(d.fast.text) > maxKeptBytes {
		d.fast.text = nil
	}
}

// reset makes the parser of members read data.
func (d *Decoder) reset(data []byte) {
	d.input = *bytes.NewBuffer(data)
	d.members.Reset(&d.input, d.lenient)
}

// span is the range of one text in a buffer that holds several.
type span struct {
	from, to int
	present  bool
}

func (s span) of(texts string) string { return texts[s.from:s.to] }
