package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// appendPayload checks the text of a payload and appends it without
// insignificant white space.
func (d *Decoder) appendPayload(dst []byte, raw jsontext.Value) ([]byte, error) {
	if raw.Kind() != '{' {
		return dst, errObject
	}
	return d.AppendValue(dst, raw, 0)
}

// AppendValue checks the text of one JSON value of any kind by the rules of a
// payload and appends it to dst without insignificant white space. The value is
// to lie so many levels deep in the payload; 0 is the payload itself. It is for
// packages that make a payload out of parts.
//
// The error is worded to follow a field's name. It is about the first fault: a
// value that is broken in one place can rarely be read beyond it.
func (d *Decoder) AppendValue(dst []byte, raw jsontext.Value, level int) ([]byte, error) {
	if err := d.walk(raw, level); err != nil {
		return dst, err
	}
	if !hasSpace(raw) {
		return append(dst, raw...), nil
	}
	return jsontext.AppendFormat(dst, raw, jsontext.PreserveRawStrings(true))
}

// Faults of a payload, worded to follow the field's name.
var (
	errObject    = errors.New("must be a JSON object")
	errDepth     = fmt.Errorf("must not be nested deeper than %d levels", MaxPayloadDepth)
	errNUL       = errors.New("must not contain the character U+0000")
	errDuplicate = errors.New("must not have the same member name twice in one object")
	errText      = errors.New("must be valid UTF-8 without lone surrogates")
	errSecond    = errors.New("must end after the JSON value")
	errDigits    = fmt.Errorf("must not have a number of more than %d digits written out in full", MaxNumberDigits)
)

// walk reads a value that lies so many levels deep, once, token by token. The
// decoder itself refuses duplicate names, invalid UTF-8 and lone surrogates.
func (d *Decoder) walk(raw jsontext.Value, level int) error {
	d.input = *bytes.NewBuffer(raw)
	dec := d.payload
	dec.Reset(&d.input)
	for {
		switch dec.PeekKind() {
		case '"':
			text, err := dec.ReadValue()
			if err != nil {
				return payloadFault(raw, err)
			}
			if hasNUL(text) {
				return errNUL
			}
		case '0':
			number, err := dec.ReadValue()
			if err != nil {
				return payloadFault(raw, err)
			}
			if digitsInFull(number) > MaxNumberDigits {
				return errDigits
			}
		default:
			if _, err := dec.ReadToken(); err != nil {
				return payloadFault(raw, err)
			}
			if level+dec.StackDepth() > MaxPayloadDepth {
				return errDepth
			}
		}
		if dec.StackDepth() == 0 { // the value has ended
			return last(dec)
		}
	}
}

// last makes sure that nothing follows; a decoder would go on with a second
// value.
func last(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errSecond
	}
	return nil
}

// payloadFault words what stopped the walk. The decoder has one error for
// broken text and one for broken syntax; reading again without the demand for
// sound text tells them apart.
func payloadFault(raw jsontext.Value, err error) error {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return errDuplicate
	case raw.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
		return errText
	default:
		return badJSON(err)
	}
}

// hasSpace reports whether raw may have white space between its tokens; spaces
// inside strings count too, which costs a needless copy and nothing else.
func hasSpace(raw []byte) bool { return bytes.ContainsAny(raw, " \t\r\n") }

// hasNUL reports whether the literal of a JSON string escapes U+0000. A
// backslash takes the next byte with it, so the text \\u0000 is no such escape.
func hasNUL(literal []byte) bool {
	for {
		i := bytes.IndexByte(literal, '\\')
		if i < 0 || i+1 >= len(literal) {
			return false
		}
		if bytes.HasPrefix(literal[i+1:], []byte("u0000")) {
			return true
		}
		literal = literal[i+2:]
	}
}

// digitsInFull is how many digits the literal of a JSON number needs when it is
// written without an exponent, counted as PostgreSQL's numeric type would:
// 1.5e3 is 1500, 1e-2 is 0.01. Zeros before the first other digit of the whole
// part need no place.
func digitsInFull(literal []byte) int {
	mantissa, exponent := literal, ""
	if i := max(bytes.IndexByte(literal, 'e'), bytes.IndexByte(literal, 'E')); i >= 0 {
		mantissa, exponent = literal[:i], string(literal[i+1:])
	}
	whole, fraction, _ := bytes.Cut(bytes.TrimPrefix(mantissa, []byte("-")), []byte("."))
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return MaxNumberDigits + 1 // beyond any int
		}
		shift = min(max(shift, -maxShift), maxShift)
	}
	places := max(0, len(fraction)-shift)
	leading := zeros(whole) // zeros before the first other digit
	if leading == len(whole) {
		leading += zeros(fraction)
		if leading == len(whole)+len(fraction) { // zero keeps its places behind the point only
			return 1 + places
		}
	}
	return max(1, len(whole)+shift-leading) + places
}

// zeros counts the zeros at the front.
func zeros(digits []byte) int { return len(digits) - len(bytes.TrimLeft(digits, "0")) }

// maxShift bounds the exponents that digitsInFull adds up, so that no sum can
// overflow. An event is never that long.
const maxShift = 1 << 40
