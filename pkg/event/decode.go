package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads one event from the text of one JSON object. It returns the
// event, or an [*InvalidError] with every fault that can be found: a wrong
// timestamp does not hide a missing topic. Members it does not know are
// ignored. The event keeps no reference to data.
func Decode(data []byte) (Event, error) {
	var (
		found faults
		e     Event
	)
	raw, err := split(&found, data)
	if err != nil {
		found.add(fieldBody, err.Error())
		return Event{}, found.err()
	}
	e.Topic = decodeText(&found, fieldTopic, raw.topic, MaxTopicBytes)
	e.ID = decodeText(&found, fieldID, raw.id, MaxIDBytes)
	if text, ok := decodeString(&found, fieldTimestamp, raw.timestamp); ok {
		if e.Timestamp, err = ParseTime(text); err != nil {
			found.add(fieldTimestamp, err.Error())
		}
	}
	e.Source = decodeText(&found, fieldSource, raw.source, MaxSourceBytes)
	if present(&found, fieldPayload, raw.payload) {
		e.Payload, _ = checkPayload(&found, raw.payload)
	}
	if len(found) > 0 {
		return Event{}, found.err()
	}
	return e, nil
}

// members holds the raw values of an event's five members; nil is absent.
type members struct {
	topic, id, timestamp, source, payload jsontext.Value
}

func (m *members) field(name string) *jsontext.Value {
	switch name {
	case fieldTopic:
		return &m.topic
	case fieldID:
		return &m.id
	case fieldTimestamp:
		return &m.timestamp
	case fieldSource:
		return &m.source
	case fieldPayload:
		return &m.payload
	default:
		return nil
	}
}

// Faults of the body as a whole, worded to follow "body".
var (
	errEmpty     = errors.New("is empty; expected a JSON object")
	errNotObject = errors.New("must be a JSON object")
	errTrailing  = errors.New("must end after the JSON object")
)

// split cuts the text of an object into its members without looking into them:
// faults inside a member are that member's, and don't end the search for more.
func split(found *faults, data []byte) (members, error) {
	var m members
	dec := jsontext.NewDecoder(bytes.NewBuffer(data),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch dec.PeekKind() {
	case '{':
	case jsontext.KindInvalid:
		return m, syntaxFault(dec)
	default:
		return m, errNotObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return m, badJSON(err)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return m, badJSON(err)
		}
		field := name.String()
		slot := m.field(field)
		if slot != nil && *slot != nil {
			found.add(field, "must not be there twice")
			slot = nil
		}
		if slot == nil {
			err = dec.SkipValue()
		} else {
			// The decoder reads from data itself, so the value stays valid.
			*slot, err = dec.ReadValue()
		}
		if err != nil {
			return m, badJSON(err)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return m, badJSON(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return m, errTrailing
	}
	return m, nil
}

// syntaxFault says why there is no first token.
func syntaxFault(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return errEmpty
	}
	return badJSON(err)
}

// badJSON words a syntax error for the sender, with its place in the text.
func badJSON(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("is not valid JSON: it ends too early")
	case errors.As(err, &syntax) && syntax.Err != nil:
		return fmt.Errorf("is not valid JSON: %w at byte %d", syntax.Err, syntax.ByteOffset)
	default:
		return errors.New("is not valid JSON")
	}
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

func decodeString(found *faults, field string, raw jsontext.Value) (string, bool) {
	if !present(found, field, raw) {
		return "", false
	}
	if raw.Kind() != '"' {
		found.add(field, "must be a string")
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		found.add(field, "must be valid UTF-8 without lone surrogates")
		return "", false
	}
	return string(text), true
}

func decodeText(found *faults, field string, raw jsontext.Value, maxBytes int) string {
	text, ok := decodeString(found, field, raw)
	if ok {
		checkText(found, field, text, maxBytes)
	}
	return text
}
