package publish

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// Hints. Each continues a sentence that begins with "The body".
const (
	hintGzip       = "looks like gzip: send it with Content-Encoding: gzip"
	hintZstd       = "looks like zstd: send it with Content-Encoding: zstd"
	hintLines      = "looks like several events, one after the other: send one a line with Content-Type: " + api.TypeLines
	hintArray      = "looks like an array: send it with Content-Type: " + api.TypeJSON
	hintCloudEvent = "looks like a CloudEvent: send it with Content-Type: " + api.TypeCloudEvent
)

// withHint adds to the refusal of a whole body what its sender may have meant.
func withHint(err error, form form, header http.Header, body []byte) error {
	_, invalid := errors.AsType[*event.InvalidError](err)
	refused, ok := errors.AsType[*respond.Error](err)
	tooLarge := ok && refused.Status == http.StatusRequestEntityTooLarge
	if !invalid && !tooLarge {
		return err
	}
	hint := ""
	if form != formBinary { // whose body may be anything
		hint = compressionHint(header, body)
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
	return &respond.HintedError{Err: err, Hint: hint}
}

// compressionHint recognizes a compressed body by its first bytes, if its header
// does not declare a coding.
func compressionHint(header http.Header, head []byte) string {
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

// withLineHint adds to the errors of the first line of a stream what its sender
// may have meant. The line begins with head.
func withLineHint(err error, header http.Header, head []byte) error {
	hint := compressionHint(header, head)
	if hint == "" && bytes.HasPrefix(head, []byte("[")) {
		hint = hintArray
	}
	if hint == "" {
		return err
	}
	fields := slices.Clone(fieldErrors(err))
	fields[0].Message += "; it " + hint // the first error is about the body: such a line is not an object
	return &event.InvalidError{Fields: fields}
}

// severalObjects reports whether a text is a JSON object that another one follows.
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
