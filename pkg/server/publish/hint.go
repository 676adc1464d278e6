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
	hintTwice      = "is compressed twice: compress it once"
	hintUTF16      = "looks like UTF-16: send it in UTF-8"
	hintCloudLines = "looks like a CloudEvent: send one per request with Content-Type: " + api.TypeCloudEvent + ", or an array with " + api.TypeCloudEvents
	hintCloudBatch = "looks like a CloudEvent: send the array with Content-Type: " + api.TypeCloudEvents
	hintTwoObjects = "has more than one object on a line: write one event per line"
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
		hint = encodingHint(header, body)
	}
	switch {
	case hint != "" || form != formJSON:
	case severalObjects(body):
		hint = hintTwoObjects
	case invalid && isCloudEvent(body):
		hint = hintCloudEvent
	}
	if hint == "" {
		return err
	}
	return &respond.HintedError{Err: err, Hint: hint}
}

// encodingHint recognizes by its first bytes a body that is compressed without
// saying so, compressed twice, or not UTF-8.
func encodingHint(header http.Header, head []byte) string {
	gzip := bytes.HasPrefix(head, []byte{0x1f, 0x8b})             // RFC 1952, section 2.3.1
	zstd := bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) // RFC 8878, section 3.1.1
	coding, _ := contentCoding(header)                            // which was valid, or the body would not have been read
	switch {
	case (gzip || zstd) && coding != "":
		return hintTwice
	case gzip:
		return hintGzip
	case zstd:
		return hintZstd
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}), // byte order marks
		len(head) > 1 && (head[0] == 0) != (head[1] == 0): // or ASCII in two bytes
		return hintUTF16
	default:
		return ""
	}
}

// withLineHint adds to the errors of the first line of a stream what its sender
// may have meant. The line begins with head.
func withLineHint(err error, header http.Header, head, text []byte) error {
	hint := encodingHint(header, head)
	switch {
	case hint != "":
	case bytes.HasPrefix(head, []byte("[")):
		hint = hintArray
	case severalObjects(text):
		hint = hintTwoObjects
	case isCloudEvent(text):
		hint = hintCloudLines
	}
	if hint == "" {
		return err
	}
	fields := slices.Clone(fieldErrors(err))
	fields[0].Message += "; it " + hint
	return &event.InvalidError{Fields: fields}
}

// hintCloudEvents adds a hint to the first event of a batch, if all are invalid and
// it is a CloudEvent.
func (p *request) hintCloudEvents() {
	if len(p.events) > 0 || len(p.invalid) == 0 {
		return
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(codec.WithoutBOM(p.body)))
	if dec.PeekKind() != jsontext.KindBeginArray {
		return
	}
	if _, err := dec.ReadToken(); err != nil {
		return
	}
	if first, err := dec.ReadValue(); err == nil && isCloudEvent(first) {
		fields := slices.Clone(p.invalid[0].fields)
		fields[0].Message += "; it " + hintCloudBatch
		p.invalid[0].fields = fields
	}
}

// severalLines reports whether a text has a JSON object on its first line, and more
// lines after it.
func severalLines(text []byte) bool {
	text = bytes.TrimLeft(codec.WithoutBOM(text), " \t\r\n")
	line, rest, found := bytes.Cut(text, []byte("\n"))
	if !found || len(bytes.TrimLeft(codec.WithoutBOM(rest), " \t\r\n")) == 0 {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(line), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() != jsontext.KindBeginObject || dec.SkipValue() != nil {
		return false
	}
	return len(bytes.TrimSpace(line[dec.InputOffset():])) == 0
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
