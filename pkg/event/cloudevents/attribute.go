package cloudevents

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// place is where a Decoder keeps a member that the specification names.
type place int

const (
	placeType place = iota
	placeSource
	placeID
	placeTime
	placeSpecVersion
	placeContentType
	placeSchema
	placeSubject
	placeData
	placeBase64
	places
)

// none is the place of all other names: they are extensions'.
const none place = -1

// name is the member's name in JSON.
func (p place) name() string { return names()[p] }

func placeOf(name []byte) place {
	for p, known := range names() {
		if string(name) == known {
			return place(p)
		}
	}
	return none
}

func names() [places]string {
	return [places]string{
		placeType:        "type",
		placeSource:      "source",
		placeID:          "id",
		placeTime:        "time",
		placeSpecVersion: "specversion",
		placeContentType: "datacontenttype",
		placeSchema:      "dataschema",
		placeSubject:     "subject",
		placeData:        "data",
		placeBase64:      "data_base64",
	}
}

// value is what was sent for one attribute: JSON or, from a header, a text.
type value struct {
	there bool
	raw   jsontext.Value // JSON as it is written, or nil
	text  []byte         // of a header
	fault string         // what is wrong with the attribute, whatever its value
}

// extension is an attribute that the specification does not name.
type extension struct {
	name  []byte
	value value
}

// Faults of any attribute, worded to follow its name.
const (
	faultRequired  = "is required"
	faultTwice     = "must not be there twice"
	faultString    = "must be a string"
	faultSurrogate = "must be valid UTF-8 without lone surrogates"
)

// kind is the kind of the value as JSON calls it.
func (v value) kind() jsontext.Kind {
	if v.raw == nil {
		return jsontext.KindString
	}
	return v.raw.Kind()
}

// absent reports whether the attribute is not set. A null says the same
// (json-format.md, section 2.2).
func (v value) absent() bool { return !v.there || v.kind() == jsontext.KindNull }

// string returns the text of an attribute, if it has a sound one, and notes the
// fault if it has another value.
func (d *Decoder) string(p place) (text string, ok bool) {
	v := d.known[p]
	if v.fault != "" {
		d.fault(p.name(), v.fault)
	}
	switch {
	case v.absent():
		return "", false
	case v.kind() != jsontext.KindString:
		d.fault(p.name(), faultString)
		return "", false
	}
	unquoted, err := d.textOf(v)
	if err != nil {
		d.fault(p.name(), faultSurrogate)
		return "", false
	}
	return string(unquoted), true
}

// required is string for an attribute that must be there.
func (d *Decoder) required(p place) (text string, ok bool) {
	if v := d.known[p]; v.absent() && v.fault == "" {
		d.fault(p.name(), faultRequired)
		return "", false
	}
	return d.string(p)
}

// textOf returns the text of a string.
func (d *Decoder) textOf(v value) ([]byte, error) {
	if v.raw == nil {
		return v.text, nil
	}
	return d.unquote(v.raw)
}

// unquote returns the text of a JSON string, as a part of it where that is
// possible. With the error comes the text with replaced characters.
func (d *Decoder) unquote(raw jsontext.Value) ([]byte, error) {
	if plain := raw[1 : len(raw)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return plain, nil
	}
	from := len(d.text)
	text, err := jsontext.AppendUnquote(d.text, raw)
	d.text = text
	return text[from:], err
}

// add appends a member to the payload. The text is escaped in one way only,
// however it was sent.
func (d *Decoder) add(name, text string) {
	d.addName(name)
	// The error is about invalid UTF-8, which has been noted as a fault then.
	d.payload, _ = jsontext.AppendQuote(d.payload, text)
}

// addName appends the name of a member, which needs no escapes.
func (d *Decoder) addName(name string) {
	d.payload = append(d.payload, `,"`...)
	d.payload = append(d.payload, name...)
	d.payload = append(d.payload, `":`...)
}
