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

// What is wrong with an attribute that is sent in the wrong place. Each text
// follows the name.
const (
	msgContentType = "must be in the header Content-Type"
	msgBody        = "must be in the body"
)

// IsBinary reports whether an HTTP message with these headers is an event in
// binary form: it has the header of a required attribute, and its Content-Type is
// not one of CloudEvents (http-protocol-binding.md, section 3).
//
// One such header is sufficient. If the others are missing, the event is invalid
// and is not read as something else.
func IsBinary(header http.Header) bool {
	contentType := header.Get(headerContentType)
	if len(contentType) >= len(mediaTypePrefix) && strings.EqualFold(contentType[:len(mediaTypePrefix)], mediaTypePrefix) {
		return false
	}
	// Canonical names avoid work, because every request comes through here.
	return len(header["Ce-Specversion"]) > 0 || len(header["Ce-Type"]) > 0 || len(header["Ce-Source"]) > 0 || len(header["Ce-Id"]) > 0
}

// headers keeps the attributes that are in headers.
func (d *Decoder) headers(header http.Header) {
	for key, values := range header {
		name, ok := d.attributeName(key)
		if !ok {
			continue
		}
		for _, text := range values {
			d.setValue(name, d.headerValue(name, text))
		}
	}
	for _, text := range header.Values(headerContentType) {
		if text = strings.TrimSpace(text); text != "" {
			d.setValue([]byte(attrContentType.name()), value{present: true, text: []byte(text)})
		}
	}
}

// attributeName returns the name of the attribute that a header contains. Header
// names may have capital letters, attribute names may not.
func (d *Decoder) attributeName(key string) (name []byte, ok bool) {
	if len(key) < len(headerPrefix) || !strings.EqualFold(key[:len(headerPrefix)], headerPrefix) {
		return nil, false
	}
	return bytes.ToLower([]byte(key[len(headerPrefix):])), true
}

// headerValue returns the value of an attribute in a header.
func (d *Decoder) headerValue(name []byte, text string) value {
	v := value{present: true}
	switch attributeOf(name) {
	case attrContentType: // section 3.1.1
		v.message = msgContentType
	case attrData, attrBase64:
		v.message = msgBody
	default: // all others have their own header
	}
	from := len(d.text)
	d.text = appendDecoded(d.text, unquoteHeader(text))
	v.text = d.text[from:]
	return v
}

// unquoteHeader returns the text of a double-quoted value, which earlier versions
// of the specification used. It returns any other value unchanged (section
// 3.1.3.2).
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
			return value // a text that starts with a quoted word
		case c == '\\' && i+1 < len(value):
			i++
		}
		text.WriteByte(value[i])
	}
	return value
}

// appendDecoded decodes percent-encoding, once (section 3.1.3.2). A percent sign
// before anything else stands for itself: encoders never write one, and some
// senders don't encode (the Go SDK). Invalid UTF-8 is found later.
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

// digit returns the value of a hexadecimal digit, or -1.
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
