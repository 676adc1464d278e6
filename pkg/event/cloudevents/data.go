package cloudevents

import (
	"bytes"
	"encoding/base64"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// content is what the datacontenttype says of the data.
type content int

const (
	contentFaulty content = iota // it can't be read; the data can't be judged
	contentAbsent
	contentJSON
	contentText
	contentBytes
)

// Faults of the data, worded to follow the member's name.
const (
	faultMediaType = "must be a media type such as application/json"
	faultBoth      = "must not be there together with data"
	faultBase64    = "must be base64 with padding (RFC 4648, section 4)"
	faultNotJSON   = "must be a string, as the datacontenttype is not JSON"
)

// contentType adds the datacontenttype and says what it means.
func (d *Decoder) contentType() content {
	name := placeContentType.name()
	before := len(d.found)
	text, ok := d.string(placeContentType)
	if !ok {
		if len(d.found) > before {
			return contentFaulty
		}
		return contentAbsent
	}
	d.checkCharacters(name, text)
	means := contentOf(text)
	if means == contentFaulty && len(d.found) == before {
		d.fault(name, faultMediaType)
	}
	d.add(name, text)
	return means
}

// contentOf tells what a media type means. JSON is what json-format.md, section
// 3.1.1, calls so. Text has to be in UTF-8, so that a string in JSON is "properly
// encoded according to the datacontenttype"; XML counts as text, as it does in
// the examples of section 3.2.
func contentOf(contentType string) content {
	if contentType == "application/json" { // nearly all of them
		return contentJSON
	}
	full, parameters, err := mime.ParseMediaType(contentType)
	kind, subtype, slash := strings.Cut(full, "/")
	if err != nil || !slash {
		return contentFaulty
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
func (d *Decoder) dataMembers(means content) {
	d.misplaced(placeData)
	data, encoded := d.known[placeData], d.known[placeBase64]
	if data.there { // null is a value here, not absence (json-format.md, section 3.1.1)
		d.addData(means, data.raw)
	}
	if data.there && !encoded.absent() {
		d.fault(placeBase64.name(), faultBoth)
	}
	if text, ok := d.string(placeBase64); ok {
		d.addEncoded(text)
	}
}

// bodyData adds the data of an event in binary form.
func (d *Decoder) bodyData(means content, body []byte) {
	d.misplaced(placeData)
	d.misplaced(placeBase64)
	switch {
	case len(body) == 0 || means == contentFaulty:
	case means == contentJSON:
		d.addData(means, body)
	case means == contentText && utf8.Valid(body) && bytes.IndexByte(body, 0) < 0:
		d.addName(placeData.name())
		// Valid UTF-8 always encodes.
		d.payload, _ = jsontext.AppendQuote(d.payload, body)
	default:
		d.addBytes(body)
	}
}

// misplaced notes what is wrong with the data, whatever it is.
func (d *Decoder) misplaced(p place) {
	if fault := d.known[p].fault; fault != "" {
		d.fault(p.name(), fault)
	}
}

// addData adds data that is written in JSON. With a datacontenttype that is not
// JSON it must be a string (json-format.md, section 3.1.1), and then it is its
// text that counts.
func (d *Decoder) addData(means content, raw jsontext.Value) {
	const level = 1 // the payload's own, which surrounds it
	d.addName(placeData.name())
	from := len(d.payload)
	payload, err := d.json.AppendValue(d.payload, raw, level)
	if err != nil {
		d.fault(placeData.name(), err.Error())
		return
	}
	d.payload = payload
	if means != contentText && means != contentBytes {
		return
	}
	if raw.Kind() != jsontext.KindString {
		d.fault(placeData.name(), faultNotJSON)
		return
	}
	if text, err := d.unquote(raw); err == nil { // which has been checked
		d.payload, _ = jsontext.AppendQuote(d.payload[:from], text)
	}
}

// addEncoded adds data that is written in base64. It is decoded and encoded
// again, since there is more than one way to write it.
func (d *Decoder) addEncoded(text string) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		d.fault(placeBase64.name(), faultBase64)
		return
	}
	d.addBytes(data)
}

func (d *Decoder) addBytes(data []byte) {
	d.addName(placeBase64.name())
	d.payload = append(d.payload, '"')
	d.payload = base64.StdEncoding.AppendEncode(d.payload, data)
	d.payload = append(d.payload, '"')
}
