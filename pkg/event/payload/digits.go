package payload

import (
	"bytes"
	"strconv"
)

// MaxNumberDigits is the maximum number of digits of a number written out in
// full: 1e131071 is short here and has 131,072 digits in a database.
const MaxNumberDigits = 1000

// maxShift bounds the exponents that digitsInFull adds up, so that no sum can
// overflow. No event is that long.
const maxShift = 1 << 40

// digitsInFull returns how many digits the literal of a JSON number has when it
// is written without an exponent. It counts as PostgreSQL's numeric type does:
// 1.5e3 is 1500, 1e-2 is 0.01. Leading zeros of the whole part do not count.
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
			return MaxNumberDigits + 1 // the exponent does not fit into an int
		}
		shift = min(max(shift, -maxShift), maxShift)
	}
	places := max(0, len(fraction)-shift)
	leading := zeros(whole)
	if leading == len(whole) {
		leading += zeros(fraction)
		if leading == len(whole)+len(fraction) { // zero has no digits but its decimal places
			return 1 + places
		}
	}
	return max(1, len(whole)+shift-leading) + places
}

// zeros returns the number of leading zeros.
func zeros(digits []byte) int { return len(digits) - len(bytes.TrimLeft(digits, "0")) }
