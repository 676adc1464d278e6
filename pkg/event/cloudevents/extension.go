package cloudevents

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What can be wrong with an extension. Each text follows the name.
const (
	msgName    = "is not a valid attribute name: use small letters a to z and digits"
	msgType    = "must be a string, a boolean or an integer"
	msgInteger = "must be an integer from -2147483648 to 2147483647, without fraction or exponent"
)

// addExtensions adds all extensions by name.
func (d *Decoder) addExtensions() {
	slices.SortStableFunc(d.extensions, func(a, b extension) int { return bytes.Compare(a.name, b.name) })
	for i, x := range d.extensions {
		switch {
		case i > 0 && bytes.Equal(x.name, d.extensions[i-1].name):
			d.addError(displayName(x.name), msgTwice)
		case x.value.absent():
		case !isName(x.name):
			d.addError(displayName(x.name), msgName)
		default:
			d.addExtension(string(x.name), x.value)
		}
	}
}

// addExtension adds a value of one of the types that JSON distinguishes (spec.md,
// "Type System"; json-format.md, section 2.2). Binary, URI and Timestamp are
// strings in JSON.
func (d *Decoder) addExtension(name string, v value) {
	switch v.kind() {
	case jsontext.KindString:
		text, err := d.textOf(v)
		if err != nil {
			d.addError(name, msgSurrogate)
			return
		}
		d.checkCharacters(name, string(text))
		d.add(name, string(text))
	case jsontext.KindTrue, jsontext.KindFalse:
		d.addName(name)
		d.payload = append(d.payload, v.raw...)
	case jsontext.KindNumber:
		if _, err := strconv.ParseInt(string(v.raw), 10, 32); err != nil {
			d.addError(name, msgInteger)
		}
		d.addName(name)
		d.payload = append(d.payload, v.raw...)
	default:
		d.addError(name, msgType)
	}
}

// isName reports whether a name is valid (spec.md, "Naming Conventions"). At maxBytes
// 20 characters is a recommendation only.
func isName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0
}

// displayName returns a name for an error text: valid UTF-8 and not too long.
func displayName(name []byte) string {
	const maxBytes = 64
	if len(name) <= maxBytes {
		return strings.ToValidUTF8(string(name), "\ufffd")
	}
	return strings.ToValidUTF8(string(name[:maxBytes]), "") + "…"
}
