package cloudevents

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Faults of an extension, worded to follow its name.
const (
	faultName    = "is no name of an attribute: these consist of small letters a to z and digits"
	faultType    = "must be a string, a boolean or an integer"
	faultInteger = "must be an integer from -2147483648 to 2147483647, without fraction or exponent"
)

// addExtensions adds all extensions by name.
func (d *Decoder) addExtensions() {
	slices.SortStableFunc(d.extensions, func(a, b extension) int { return bytes.Compare(a.name, b.name) })
	for i, x := range d.extensions {
		switch {
		case i > 0 && bytes.Equal(x.name, d.extensions[i-1].name):
			d.fault(shown(x.name), faultTwice)
		case x.value.absent():
		case !isName(x.name):
			d.fault(shown(x.name), faultName)
		default:
			d.addExtension(string(x.name), x.value)
		}
	}
}

// addExtension adds a value of one of the types that JSON can tell (spec.md,
// "Type System"; json-format.md, section 2.2). Binary, URI and Timestamp are
// strings there.
func (d *Decoder) addExtension(name string, v value) {
	switch v.kind() {
	case jsontext.KindString:
		text, err := d.textOf(v)
		if err != nil {
			d.fault(name, faultSurrogate)
			return
		}
		d.checkCharacters(name, string(text))
		d.add(name, string(text))
	case jsontext.KindTrue, jsontext.KindFalse:
		d.addName(name)
		d.payload = append(d.payload, v.raw...)
	case jsontext.KindNumber:
		if _, err := strconv.ParseInt(string(v.raw), 10, 32); err != nil {
			d.fault(name, faultInteger)
		}
		d.addName(name)
		d.payload = append(d.payload, v.raw...)
	default:
		d.fault(name, faultType)
	}
}

// isName reports whether an attribute may have that name (spec.md, "Naming
// Conventions"). That it should have 20 characters at most is advice.
func isName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0
}

// shown is a name as a fault shows it, whatever the sender wrote.
func shown(name []byte) string {
	const most = 64
	if len(name) <= most {
		return strings.ToValidUTF8(string(name), "\ufffd")
	}
	return strings.ToValidUTF8(string(name[:most]), "") + "…"
}
