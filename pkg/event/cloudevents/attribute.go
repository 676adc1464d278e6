package cloudevents

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// attribute is a member that the specification names: a context attribute or the
// data.
type attribute int

const (
	attrType attribute = iota
	attrSource
	attrID
	attrTime
	attrSpecVersion
	attrContentType
	attrSchema
	attrSubject
	attrData
	attrBase64
	attributeCount
)

// attrExtension stands for all other names: they are extensions.
const attrExtension attribute = -1

// name returns the member's name in JSON.
func (a attribute) name() string { return names()[a] }

func attributeOf(name []byte) attribute {
	for a, known := range names() {
		if string(name) == known {
			return attribute(a)
		}
	}
	return attrExtension
}

func names() [attributeCount]string {
	return [attributeCount]string{
		attrType:        "type",
		attrSource:      "source",
		attrID:          "id",
		attrTime:        "time",
		attrSpecVersion: "specversion",
		attrContentType: "datacontenttype",
		attrSchema:      "dataschema",
		attrSubject:     "subject",
		attrData:        "data",
		attrBase64:      "data_base64",
	}
}

// value is what the sender sent for one attribute: JSON, or a text from a header.
type value struct {
	present bool
	raw     jsontext.Value // JSON as it was sent, or nil
	text    []byte         // from a header
	message string         // an error that does not depend on the value, or ""
}

// extension is an attribute that the specification does not name.
type extension struct {
	name  []byte
	value value
}

// What can be wrong with any attribute. Each text follows the name.
const (
	msgRequired  = "is required"
	msgTwice     = "must not be there twice"
	msgString    = "must be a string"
	msgSurrogate = "must be valid UTF-8 without lone surrogates"
)

// kind returns the kind of the value in JSON.
func (v value) kind() jsontext.Kind {
	if v.raw == nil {
		return jsontext.KindString
	}
	return v.raw.Kind()
}

// absent reports whether the attribute is not set. Null means the same
// (json-format.md, section 2.2).
func (v value) absent() bool { return !v.present || v.kind() == jsontext.KindNull }

// string returns the text of an attribute if it is valid. If the attribute has
// another value, it adds an error.
func (d *Decoder) string(a attribute) (text string, ok bool) {
	v := d.known[a]
	if v.message != "" {
		d.addError(a.name(), v.message)
	}
	switch {
	case v.absent():
		return "", false
	case v.kind() != jsontext.KindString:
		d.addError(a.name(), msgString)
		return "", false
	}
	unquoted, err := d.textOf(v)
	if err != nil {
		d.addError(a.name(), msgSurrogate)
		return "", false
	}
	return string(unquoted), true
}

// required is string for a required attribute.
func (d *Decoder) required(a attribute) (text string, ok bool) {
	if v := d.known[a]; v.absent() && v.message == "" {
		d.addError(a.name(), msgRequired)
		return "", false
	}
	return d.string(a)
}

// textOf returns the text of a string.
func (d *Decoder) textOf(v value) ([]byte, error) {
	if v.raw == nil {
		return v.text, nil
	}
	return d.unquote(v.raw)
}

// unquote returns the text of a JSON string, as a part of it if possible. If it
// returns an error, the text has replacement characters.
func (d *Decoder) unquote(raw jsontext.Value) ([]byte, error) {
	if plain := raw[1 : len(raw)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return plain, nil
	}
	from := len(d.text)
	text, err := jsontext.AppendUnquote(d.text, raw)
	d.text = text
	return text[from:], err
}

// add appends a member to the payload. The escapes do not depend on how the text
// was sent.
func (d *Decoder) add(name, text string) {
	d.addName(name)
	// AppendQuote fails on invalid UTF-8 only, which has an error already.
	d.payload, _ = jsontext.AppendQuote(d.payload, text)
}

// addName appends the name of a member, which needs no escapes.
func (d *Decoder) addName(name string) {
	d.payload = append(d.payload, `,"`...)
	d.payload = append(d.payload, name...)
	d.payload = append(d.payload, `":`...)
}
