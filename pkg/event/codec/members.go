package codec

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event/payload"
)

// What can be wrong with the text as a whole. Each text follows "body".
var (
	errEmpty     = errors.New("is empty; expected a JSON object")
	errNotObject = errors.New("must be a JSON object")
	errTrailing  = errors.New("must end after the JSON object")
)

// WithoutBOM returns a text without the UTF-8 byte order mark that some programs
// write at its start.
func WithoutBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// Members splits the text of one JSON object into its members. It calls member
// with the name, which is a JSON string, and the value of each one, both as
// they are written and as parts of data.
//
// It does not look for mistakes inside members, such as duplicate names, so
// that the caller can find more than one. The error is about the text as a
// whole, and its text follows "body".
func (d *Decoder) Members(data []byte, member func(name, value jsontext.Value)) error {
	d.reset(WithoutBOM(data))
	dec := d.members
	switch dec.PeekKind() {
	case '{':
	case jsontext.KindInvalid:
		return firstTokenError(dec)
	default:
		return errNotObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return payload.SyntaxError(err)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return payload.SyntaxError(err)
		}
		value, err := dec.ReadValue()
		if err != nil {
			return payload.SyntaxError(err)
		}
		member(name, value)
	}
	if _, err := dec.ReadToken(); err != nil {
		return payload.SyntaxError(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// firstTokenError returns why there is no first token.
func firstTokenError(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return errEmpty
	}
	return payload.SyntaxError(err)
}
