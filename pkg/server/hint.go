package server

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// hintedError is a body that was refused, and that looks as if it were meant as
// another form. The hint is only words: it changes neither what is taken nor how
// a refusal is answered.
type hintedError struct {
	err  error
	hint string
}

// Error is the reason's message.
func (e *hintedError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *hintedError) Unwrap() error { return e.err }

// Hints, worded to follow "the body".
const (
	hintGzip       = "looks like gzip: send it with Content-Encoding: gzip"
	hintZstd       = "looks like zstd: send it with Content-Encoding: zstd"
	hintLines      = "looks like several events, one after the other: send one a line with Content-Type: " + api.TypeLines
	hintArray      = "looks like an array: send it with Content-Type: " + api.TypeJSON
	hintCloudEvent = "looks like a CloudEvent: send it with Content-Type: " + api.TypeCloudEvent
)

// hinted adds to the refusal of a whole body what its sender may have meant.
func hinted(err error, form form, header http.Header, body []byte) error {
	_, invalid := errors.AsType[*event.InvalidError](err)
	refused, long := errors.AsType[*requestError](err)
	if long = long && refused.status == http.StatusRequestEntityTooLarge; !invalid && !long {
		return err
	}
	hint := ""
	if form != formBinary { // whose body may be anything
		hint = hintPacked(header, body)
	}
	switch {
	case hint != "" || form != formJSON:
	case severalObjects(body):
		hint = hintLines
	case invalid && isCloudEvent(body):
		hint = hintCloudEvent
	}
	if hint == "" {
		return err
	}
	return &hintedError{err: err, hint: hint}
}

// hintPacked tells by its first bytes that a body is compressed, where its
// header doesn't say so.
func hintPacked(header http.Header, head []byte) string {
	switch {
	case len(header["Content-Encoding"]) > 0:
		return ""
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}): // RFC 1952, section 2.3.1
		return hintGzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, section 3.1.1
		return hintZstd
	default:
		return ""
	}
}

// hintedLine adds to the faults of the first line of a stream what its sender
// may have meant. It begins with head.
func hintedLine(err error, header http.Header, head []byte) error {
	hint := hintPacked(header, head)
	if hint == "" && bytes.HasPrefix(head, []byte("[")) {
		hint = hintArray
	}
	if hint == "" {
		return err
	}
	faults := slices.Clone(faultsOf(err))
	faults[0].Message += "; it " + hint // that of the body: such a line is no object
	return &event.InvalidError{Fields: faults}
}

// severalObjects reports whether a text is a JSON object with another one
// behind it.
func severalObjects(text []byte) bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() != jsontext.KindBeginObject || dec.SkipValue() != nil {
		return false
	}
	return dec.PeekKind() == jsontext.KindBeginObject
}

// isCloudEvent reports whether a text is an object with the four attributes that
// every CloudEvent has.
func isCloudEvent(text []byte) bool {
	missing := map[string]bool{"specversion": true, "id": true, "source": true, "type": true}
	err := codec.NewDecoder().Members(text, func(name, _ jsontext.Value) {
		if plain, err := jsontext.AppendUnquote(nil, name); err == nil {
			delete(missing, string(plain))
		}
	})
	return err == nil && len(missing) == 0
}
