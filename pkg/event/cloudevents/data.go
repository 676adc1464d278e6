package cloudevents

import (
	"bytes"
	"encoding/base64"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// content is what the datacontenttype means for the data.
type content int

const (
	contentInvalid content = iota // the data can't be checked
	contentAbsent
	contentJSON
	contentText
	contentBytes
)

// What can be wrong with the data. Each text follows the member's name.
const (
	msgMediaType = "must be a media type such as application/json"
	msgBoth      = "must not be there together with data"
	msgBase64    = "must be base64 with padding (RFC 4648, section 4)"
	msgNotJSON   = "must be a string, as the datacontenttype is not JSON"
)

// contentType adds the datacontenttype and returns what it means.
func (d *Decoder) contentType() content {
	name := attrContentType.name()
	before := len(d.found)
	text, ok := d.string(attrContentType)
	if !ok {
		if len(d.found) > before {
			return contentInvalid
		}
		return contentAbsent
	}
	d.checkCharacters(name, text)
	kind := contentOf(text)
	if kind == contentInvalid && len(d.found) == before {
		d.addError(name, msgMediaType)
	}
	d.add(name, text)
	return kind
}

// contentOf returns what a media type means. JSON is defined in json-format.md,
// section 3.1.1. Text must be UTF-8, so that a string in JSON is "properly
// encoded according to the datacontenttype". XML counts as text, as in the
// examples of section 3.2.
func contentOf(contentType string) content {
	if contentType == "application/json" { // nearly all of them
		return contentJSON
	}
	full, parameters, err := mime.ParseMediaType(contentType)
	kind, subtype, slash := strings.Cut(full, "/")
	if err != nil || !slash {
		return contentInvalid
	}
	if subtype == "json" || strings.HasSuffix(subtype, "+json") {
		return contentJSON
	}
	if kind != "text" && full != "application/xml" && !strings.HasSuffix(subtype, "+xml") {
		return contentBytes
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return contentText
	default:
		return contentBytes
	}
}

// dataMembers adds the data of an event in structured form.
func (d *Decoder) dataMembers(kind content) {
	d.misplaced(attrData)
	data, encoded := d.known[attrData], d.known[attrBase64]
	if data.present { // null is a value here, not absence (json-format.md, section 3.1.1)
		d.addData(kind, data.raw)
	}
	if data.present && !encoded.absent() {
		d.addError(attrBase64.name(), msgBoth)
	}
	if text, ok := d.string(attrBase64); ok {
		d.addEncoded(text)
	}
}

// bodyData adds the data of an event in binary form.
func (d *Decoder) bodyData(kind content, body []byte) {
	d.misplaced(attrData)
	d.misplaced(attrBase64)
	switch {
	case len(body) == 0 || kind == contentInvalid:
	case kind == contentJSON:
		d.addData(kind, body)
	case kind == contentText && utf8.Valid(body) && bytes.IndexByte(body, 0) < 0:
		d.addName(attrData.name())
		// Valid UTF-8 always encodes.
		d.payload, _ = jsontext.AppendQuote(d.payload, body)
	default:
		d.addBytes(body)
	}
}

// misplaced adds the error of data that is in the wrong place.
func (d *Decoder) misplaced(a attribute) {
	if message := d.known[a].message; message != "" {
		d.addError(a.name(), message)
	}
}

// addData adds data that is written in JSON. If the datacontenttype is not JSON,
// the data must be a string (json-format.md, section 3.1.1), and the data is the
// text of the string.
func (d *Decoder) addData(kind content, raw jsontext.Value) {
	const level = 1 // the payload around it
	d.addName(attrData.name())
	from := len(d.payload)
	payload, err := d.json.AppendValue(d.payload, raw, level)
	if err != nil {
		d.addError(attrData.name(), err.Error())
		return
	}
	d.payload = payload
	if kind != contentText && kind != contentBytes {
		return
	}
	if raw.Kind() != jsontext.KindString {
		d.addError(attrData.name(), msgNotJSON)
		return
	}
	if text, err := d.unquote(raw); err == nil { // checked before
		d.payload, _ = jsontext.AppendQuote(d.payload[:from], text)
	}
}

// addEncoded adds data that is written in base64. It decodes and encodes the data
// because the same data has more than one form in base64.
func (d *Decoder) addEncoded(text string) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		d.addError(attrBase64.name(), msgBase64)
		return
	}
	d.addBytes(data)
}

func (d *Decoder) addBytes(data []byte) {
	d.addName(attrBase64.name())
	d.payload = append(d.payload, '"')
	d.payload = base64.StdEncoding.AppendEncode(d.payload, data)
	d.payload = append(d.payload, '"')
}
