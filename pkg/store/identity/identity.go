// Package identity has the compact form of an event_id in the stores. It is internal.
//
// Most event_ids are UUIDs. A canonical one needs 16 bytes instead of 36, and those of
// version 7 keep their order, so that new keys are added at the end of an index. Every
// other text is stored as it is. The form is exact: two event_ids are never equal in
// it unless they are equal bytewise.
package identity

import "encoding/hex"

// uuidText is the length of a canonical UUID: 8-4-4-4-12 lower-case hexadecimal digits.
const uuidText = 36

// UUID returns the bytes of an event_id that is a canonical UUID: 36 characters, lower
// case, with hyphens. It reports false for every other text, also for other spellings
// of a UUID, because those are other keys.
func UUID(id string) (bytes [16]byte, ok bool) {
	if len(id) != uuidText {
		return bytes, false
	}
	n := 0
	for i := 0; i < uuidText; i += 2 {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if id[i] != '-' {
				return bytes, false
			}
			i++
		}
		high, low := digit(id[i]), digit(id[i+1])
		if high > 15 || low > 15 {
			return bytes, false
		}
		bytes[n] = high<<4 | low
		n++
	}
	return bytes, true
}

// digit returns the value of a lower-case hexadecimal digit, and 255 for other bytes.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	default:
		return 255
	}
}

// Text returns the canonical text of a UUID.
func Text(bytes [16]byte) string {
	text := make([]byte, 0, uuidText)
	for _, part := range [][]byte{bytes[:4], bytes[4:6], bytes[6:8], bytes[8:10], bytes[10:]} {
		if len(text) > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, part)
	}
	return string(text)
}
