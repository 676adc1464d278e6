package cloudevents

import (
	"bytes"
	"net/http"
	"strings"
)

// Names of headers.
const (
	headerPrefix      = "Ce-"
	headerContentType = "Content-Type"
	mediaTypePrefix   = "application/cloudevents"
)

// Faults of attributes that come in the wrong place, worded to follow the name.
const (
	faultContentType = "must be in the header Content-Type"
	faultBody        = "must be in the body"
)

// IsBinary reports whether an HTTP message with these headers carries an event
// in binary form: it has a header of an attribute that every event must have,
// and its Content-Type is none of CloudEvents' own
// (http-protocol-binding.md, section 3).
//
// One such header is enough. An event that lacks the others is refused for that
// rather than read as something else.
func IsBinary(header http.Header) bool {
	contentType := header.Get(headerContentType)
	if len(contentType) >= len(mediaTypePrefix) && strings.EqualFold(contentType[:len(mediaTypePrefix)], mediaTypePrefix) {
		return false
	}
	// In the form that net/http keeps names in: every request comes through here.
	return len(header["Ce-Specversion"]) > 0 || len(header["Ce-Type"]) > 0 || len(header["Ce-Source"]) > 0 || len(header["Ce-Id"]) > 0
}

// headers notes the attributes that are in headers.
func (d *Decoder) headers(header http.Header) {
	for key, values := range header {
		name, ok := d.attributeName(key)
		if !ok {
			continue
		}
		for _, text := range values {
			d.note(name, d.headerValue(name, text))
		}
	}
	for _, text := range header.Values(headerContentType) {
		if text = strings.TrimSpace(text); text != "" {
			d.note([]byte(placeContentType.name()), value{there: true, text: []byte(text)})
		}
	}
}

// attributeName returns the name of the attribute that a header carries. Names
// of headers may be written in capitals, names of attributes may not.
func (d *Decoder) attributeName(key string) (name []byte, ok bool) {
	if len(key) < len(headerPrefix) || !strings.EqualFold(key[:len(headerPrefix)], headerPrefix) {
		return nil, false
	}
	return bytes.ToLower([]byte(key[len(headerPrefix):])), true
}

// headerValue returns the value of a header's attribute.
func (d *Decoder) headerValue(name []byte, text string) value {
	v := value{there: true}
	switch placeOf(name) {
	case placeContentType: // section 3.1.1
		v.fault = faultContentType
	case placeData, placeBase64:
		v.fault = faultBody
	default: // all others have a header of their own
	}
	from := len(d.text)
	d.text = appendDecoded(d.text, unquoteHeader(text))
	v.text = d.text[from:]
	return v
}

// unquoteHeader returns the text of a double-quoted value, as earlier versions of
// the specification had them, and any other value as it is (section 3.1.3.2).
func unquoteHeader(value string) string {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	var text strings.Builder
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			if i == len(value)-1 {
				return text.String()
			}
			return value // a text that begins with a quoted word
		case c == '\\' && i+1 < len(value):
			i++
		}
		text.WriteByte(value[i])
	}
	return value
}

// appendDecoded undoes percent-encoding, once (section 3.1.3.2). A percent sign
// that is followed by something else stands for itself: nobody who encodes
// writes one, and there are senders who don't encode (the Go SDK). Whether the
// text is UTF-8 then is for its check to say.
func appendDecoded(dst []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			high, low := digit(text[i+1]), digit(text[i+2])
			if high >= 0 && low >= 0 {
				dst = append(dst, byte(high<<4|low))
				i += 2
				continue
			}
		}
		dst = append(dst, text[i])
	}
	return dst
}

// digit is the value of a hexadecimal digit, or -1.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	default:
		return -1
	}
}
