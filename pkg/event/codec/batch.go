package codec

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/payload"
)

// ErrNotBatch reports a text that is neither an array nor an object with a member
// "events" and none of the members of an event. It may be a single event.
var ErrNotBatch = errors.New("is not a batch")

// ErrTooManyEvents reports a batch with more events than allowed.
var ErrTooManyEvents = errors.New("has too many events")

// BatchOptions bounds a batch and receives its events.
type BatchOptions struct {
	// MaxEvents is the maximum number of events of the batch.
	MaxEvents int
	// MaxEventBytes is the maximum size of the text of one event.
	MaxEventBytes int
	// Decode reads one event of the batch; nil means [Decoder.Decode]. Other
	// formats that are JSON arrays, such as CloudEvents, set it.
	Decode func(text []byte) (event.Event, error)
	// Each is called with every event in the order of the text, or with the
	// [*event.InvalidError] of an invalid one.
	Each func(event.Event, error)
}

// DecodeBatch reads a JSON array of events, or an object around one. It
// continues after an invalid event as long as the syntax of the array is valid,
// and then returns nil.
//
// Otherwise it returns [ErrNotBatch], [ErrTooManyEvents] or an
// [*event.InvalidError] about the body. The caller then discards what Each has
// received.
func (d *Decoder) DecodeBatch(data []byte, o BatchOptions) error {
	defer d.shrink()
	b := batchDecoder{cursor: cursor{data: WithoutBOM(data)}, decoder: d, options: o}
	b.skipSpace()
	var err error
	switch {
	case b.take('['):
		err = b.elements()
	case b.take('{'):
		err = b.wrapper()
	default:
		return ErrNotBatch
	}
	if err != nil {
		return err
	}
	b.skipSpace()
	if !b.atEnd() {
		return bodyError("must end after the batch")
	}
	return nil
}

// batchDecoder reads the elements of a batch.
type batchDecoder struct {
	cursor
	decoder *Decoder
	options BatchOptions
	index   int // of the element that is being read
}

// memberEvents is the member of a wrapper that has the array.
const memberEvents = "events"

// wrapper reads the rest of an object around the array. Other members are ignored,
// unless they are those of an event: then the object is a single event that has a
// member of that name.
func (b *batchDecoder) wrapper() error {
	found, array := false, false
	for b.skipSpace(); !b.take('}'); b.skipSpace() {
		name, err := b.memberName()
		if err != nil {
			return err
		}
		switch {
		case name != memberEvents:
			if err := b.skipValue(); err != nil {
				return err
			}
		case found:
			return &event.InvalidError{Fields: []event.FieldError{{Field: memberEvents, Message: "must not be there twice"}}}
		default:
			found = true
			if array = b.take('['); array {
				err = b.elements()
			} else {
				err = b.skipValue()
			}
			if err != nil {
				return err
			}
		}
		b.skipSpace()
		if !b.take(',') && b.peek() != '}' {
			return b.expected("a member must be followed by a comma or the end of the object")
		}
	}
	switch {
	case !found:
		return ErrNotBatch
	case !array:
		return &event.InvalidError{Fields: []event.FieldError{{Field: memberEvents, Message: "must be an array of events"}}}
	}
	return nil
}

// memberName reads a name and its colon. It returns ErrNotBatch for the name of an
// event's member, and for a text that is not an object.
func (b *batchDecoder) memberName() (string, error) {
	rest := b.data[b.at:]
	b.decoder.reset(rest)
	raw, err := b.decoder.members.ReadValue()
	if err != nil || raw.Kind() != '"' {
		return "", ErrNotBatch
	}
	name, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", ErrNotBatch
	}
	switch string(name) {
	case event.FieldTopic, event.FieldID, event.FieldTimestamp, event.FieldSource, event.FieldPayload:
		return "", ErrNotBatch
	}
	b.at += len(raw)
	if !b.takeColon() {
		return "", ErrNotBatch
	}
	return string(name), nil
}

// skipValue skips a value that is not needed.
func (b *batchDecoder) skipValue() error {
	rest := b.data[b.at:]
	b.decoder.reset(rest)
	raw, err := b.decoder.members.ReadValue()
	if err != nil {
		return b.syntaxError(err)
	}
	b.at += len(raw)
	return nil
}

// elements reads up to and including the closing bracket of the array.
func (b *batchDecoder) elements() error {
	b.skipSpace()
	if b.take(']') {
		return nil
	}
	for b.index = 0; ; b.index++ {
		if b.index == b.options.MaxEvents {
			return fmt.Errorf("%w: at most %d are allowed", ErrTooManyEvents, b.options.MaxEvents)
		}
		b.skipSpace()
		if err := b.element(); err != nil {
			return err
		}
		b.skipSpace()
		if b.take(']') {
			return nil
		}
		if !b.take(',') {
			return b.expected("an event must be followed by a comma or the end of the array")
		}
	}
}

// element decodes one event. The fast decoder finds the end of an event itself;
// for the strict one the parser has to find it first.
func (b *batchDecoder) element() error {
	rest := b.data[b.at:]
	if b.options.Decode == nil {
		if e, end, ok := b.decoder.fast.event(rest); ok && end <= b.options.MaxEventBytes {
			b.at += end
			b.options.Each(e, nil)
			return nil
		}
	}
	b.decoder.reset(rest)
	raw, err := b.decoder.members.ReadValue()
	if err != nil {
		return b.unreadable(rest, err)
	}
	text := rest[:len(raw)]
	b.at += len(text)
	if len(text) > b.options.MaxEventBytes {
		b.options.Each(event.Event{}, EventTooLong(b.options.MaxEventBytes))
		return nil
	}
	decode := b.options.Decode
	if decode == nil {
		decode = b.decoder.strict
	}
	b.options.Each(decode(text))
	return nil
}

// maxParserDepth is the maximum depth that package jsontext can parse.
const maxParserDepth = 10_000

// unreadable handles an element that the parser failed on. If the element is
// only nested too deeply for the parser, this event is invalid and the batch
// continues.
func (b *batchDecoder) unreadable(rest []byte, err error) error {
	end, depth := extent(rest)
	if end == 0 || depth <= maxParserDepth {
		return b.syntaxError(err)
	}
	b.at += end
	b.options.Each(event.Event{}, &event.InvalidError{Fields: []event.FieldError{{Field: event.FieldPayload, Message: payload.ErrDepth.Error()}}})
	return nil
}

// extent returns the end and the depth of an object or array, found by its
// brackets alone. The end is 0 if the text ends before the value.
func extent(text []byte) (end, depth int) {
	level, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			depth = max(depth, level)
		case c == '}' || c == ']':
			level--
			if level <= 0 {
				return i + 1, depth
			}
		}
	}
	return 0, depth
}

// syntaxError translates an error of the parser, with the offset in the batch.
func (b *batchDecoder) syntaxError(err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) || syntax.Err == nil {
		return bodyError(payload.SyntaxError(err).Error())
	}
	at, reason := b.at+int(syntax.ByteOffset), syntax.Err.Error()
	if word := wordAt(b.data, at); word != "" {
		reason = word + " is not a JSON value"
	}
	return bodyError("is not valid JSON: " + reason + " in element " + strconv.Itoa(b.index) + " at byte " + strconv.Itoa(at))
}

// wordAt returns the word such as NaN, Infinity, undefined or None at an offset, ""
// if there is none. Programs write such words for values that JSON does not have.
func wordAt(text []byte, at int) string {
	const maxWord = 16
	end := at
	for end < len(text) && end-at < maxWord && ('a' <= text[end]|0x20 && text[end]|0x20 <= 'z') {
		end++
	}
	if end-at < 2 || end-at == maxWord {
		return ""
	}
	return string(text[at:end])
}

// expected returns the error for a byte that breaks the rule.
func (b *batchDecoder) expected(rule string) error {
	if b.atEnd() {
		return bodyError("is not valid JSON: it ends too early")
	}
	return bodyError("is not valid JSON: " + rule + " at byte " + strconv.Itoa(b.at))
}

// EventTooLong returns the [*event.InvalidError] of an event whose text has more
// than limit bytes.
func EventTooLong(limit int) error {
	return bodyError(fmt.Sprintf("must be at most %d bytes long", limit))
}

func bodyError(message string) error {
	return &event.InvalidError{Fields: []event.FieldError{{Field: event.FieldBody, Message: message}}}
}
