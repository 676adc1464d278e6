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

// split cuts the text of an object into its members without looking into them:
// faults inside a member are that member's, and don't end the search for more.
// The members are parts of data.
func (d *Decoder) split(found *faults, data []byte) (members, error) {
	var m members
	d.input = *bytes.NewBuffer(data)
	dec := d.members
	dec.Reset(&d.input, d.lenient)
	switch dec.PeekKind() {
	case '{':
	case jsontext.KindInvalid:
		return m, firstFault(dec)
	default:
		return m, errNotObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return m, badJSON(err)
	}
	for dec.PeekKind() != '}' {
		if err := m.read(found, dec); err != nil {
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

// read takes one member, name and value.
func (m *members) read(found *faults, dec *jsontext.Decoder) error {
	name, err := dec.ReadValue()
	if err != nil {
		return err
	}
	slot, field := m.slot(name)
	if slot != nil && *slot != nil {
		found.add(field, "must not be there twice")
		slot = nil
	}
	if slot == nil {
		return dec.SkipValue()
	}
	*slot, err = dec.ReadValue()
	return err
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
