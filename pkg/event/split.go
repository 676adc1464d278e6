package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// members holds the raw values of an event's five members; nil is absent.
type members struct {
	topic, id, timestamp, source, payload jsontext.Value
}

// slot returns where the member of that name belongs, or nil. The name is a
// JSON string, and rarely one that is written with escapes.
func (m *members) slot(name jsontext.Value) (*jsontext.Value, string) {
	if bytes.IndexByte(name, '\\') >= 0 {
		if plain, err := jsontext.AppendUnquote(nil, name); err == nil {
			name = append(append([]byte{'"'}, plain...), '"')
		}
	}
	switch string(name) {
	case `"` + fieldTopic + `"`:
		return &m.topic, fieldTopic
	case `"` + fieldID + `"`:
		return &m.id, fieldID
	case `"` + fieldTimestamp + `"`:
		return &m.timestamp, fieldTimestamp
	case `"` + fieldSource + `"`:
		return &m.source, fieldSource
	case `"` + fieldPayload + `"`:
		return &m.payload, fieldPayload
	default:
		return nil, ""
	}
}

// Faults of the body as a whole, worded to follow "body".
var (
	errEmpty     = errors.New("is empty; expected a JSON object")
	errNotObject = errors.New("must be a JSON object")
	errTrailing  = errors.New("must end after the JSON object")
)

// split finds the members of an event. They are parts of data; a member that
// is there twice is a fault, and the first one counts.
func (d *Decoder) split(found *faults, data []byte) (members, error) {
	var m members
	err := d.Members(data, func(name, value jsontext.Value) {
		slot, field := m.slot(name)
		switch {
		case slot == nil:
		case *slot != nil:
			found.once(field, "must not be there twice")
		default:
			*slot = value
		}
	})
	return m, err
}

// Members cuts the text of one JSON object into its members and hands over each
// one's name, which is a JSON string, and value, both as they are written.
// Faults inside a member, duplicate names among them, are left to the caller, so
// that they don't end the search for more. An error is about the text as a whole
// and worded to follow "body".
//
// Name and value are parts of data.
func (d *Decoder) Members(data []byte, member func(name, value jsontext.Value)) error {
	d.restart(data)
	dec := d.members
	switch dec.PeekKind() {
	case '{':
	case jsontext.KindInvalid:
		return firstFault(dec)
	default:
		return errNotObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return badJSON(err)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return badJSON(err)
		}
		value, err := dec.ReadValue()
		if err != nil {
			return badJSON(err)
		}
		member(name, value)
	}
	if _, err := dec.ReadToken(); err != nil {
		return badJSON(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// firstFault says why there is no first token.
func firstFault(dec *jsontext.Decoder) error {
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
