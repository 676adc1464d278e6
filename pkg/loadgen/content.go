package loadgen

import (
	"bytes"
	"hash/maphash"
	"math/big"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
)

// sameContent reports whether two events are equal in all members. Payloads are
// compared as JSON values: a database may reorder members and write 1e3 as 1000,
// but must keep each digit.
func sameContent(a, b event.Event) bool {
	if a.Key() != b.Key() || a.Source != b.Source || !a.Timestamp.Equal(b.Timestamp) {
		return false
	}
	return a.Payload == b.Payload || bytes.Equal(canonical(nil, a.Payload), canonical(nil, b.Payload))
}

// contentHash is a hash of what sameContent compares, without the key.
func contentHash(seed maphash.Seed, e event.Event) uint64 {
	text := strconv.AppendInt(nil, e.Timestamp.UnixMicro(), 10)
	text = append(append(append(text, 0), e.Source...), 0)
	return maphash.Bytes(seed, canonical(text, e.Payload))
}

// canonical appends the same text for all forms of a JSON value. Invalid JSON
// equals only itself.
func canonical(dst []byte, text string) []byte {
	dec := jsontext.NewDecoder(bytes.NewBufferString(text))
	value, err := appendCanonical(dst, dec)
	if err != nil {
		return append(append(dst, '!'), text...)
	}
	return value
}

func appendCanonical(dst []byte, dec *jsontext.Decoder) ([]byte, error) {
	switch dec.PeekKind() {
	case '{':
		return appendObject(dst, dec)
	case '[':
		return appendArray(dst, dec)
	case '0':
		number, err := dec.ReadValue()
		return appendNumber(dst, number), err
	default:
		token, err := dec.ReadToken()
		if err != nil {
			return dst, err
		}
		if token.Kind() == '"' {
			return strconv.AppendQuote(dst, token.String()), nil
		}
		return append(dst, token.String()...), nil
	}
}

func appendArray(dst []byte, dec *jsontext.Decoder) ([]byte, error) {
	if _, err := dec.ReadToken(); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	for dec.PeekKind() != ']' {
		var err error
		if dst, err = appendCanonical(dst, dec); err != nil {
			return dst, err
		}
		dst = append(dst, ',')
	}
	_, err := dec.ReadToken()
	return append(dst, ']'), err
}

func appendObject(dst []byte, dec *jsontext.Decoder) ([]byte, error) {
	if _, err := dec.ReadToken(); err != nil {
		return dst, err
	}
	var members [][]byte
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return dst, err
		}
		member := append(strconv.AppendQuote(nil, name.String()), ':')
		if member, err = appendCanonical(member, dec); err != nil {
			return dst, err
		}
		members = append(members, member)
	}
	slices.SortFunc(members, bytes.Compare)
	dst = append(dst, '{')
	for _, member := range members {
		dst = append(append(dst, member...), ',')
	}
	_, err := dec.ReadToken()
	return append(dst, '}'), err
}

// appendNumber appends a number as its digits without zeros at both ends and a
// power of ten: 1500, 1.5e3 and 1500.0 are all 15e2.
func appendNumber(dst, literal []byte) []byte {
	mantissa, exponent, _ := bytes.Cut(bytes.ToLower(literal), []byte("e"))
	unsigned, negative := bytes.CutPrefix(mantissa, []byte("-"))
	whole, fraction, _ := bytes.Cut(unsigned, []byte("."))
	digits := slices.Concat(whole, fraction)
	trimmed := bytes.TrimRight(digits, "0")
	significant := bytes.TrimLeft(trimmed, "0")
	if len(significant) == 0 {
		return append(dst, '0')
	}
	power := big.NewInt(int64(len(digits) - len(trimmed) - len(fraction)))
	if given, ok := new(big.Int).SetString(string(exponent), 10); ok { // none is empty, and not ok
		power.Add(power, given)
	}
	if negative {
		dst = append(dst, '-')
	}
	dst = append(append(dst, significant...), 'e')
	return power.Append(dst, 10)
}
