// Package size parses and formats numbers of bytes with a unit, such as 16MiB. It is
// internal to eventagg.
package size

import (
	"math/big"
	"strconv"
	"strings"
)

// unit is a unit of sizes.
type unit struct {
	name  string
	bytes int64
}

// binaryUnits are the powers of 1024, the largest first.
func binaryUnits() []unit {
	return []unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

// units are all units. B is the last, because all end with it.
func units() []unit {
	return append(binaryUnits(), unit{"TB", 1e12}, unit{"GB", 1e9}, unit{"MB", 1e6}, unit{"KB", 1e3}, unit{"B", 1})
}

// Parse parses a number of bytes, as in 16777216, 16MiB, 16 MB and 1.5GiB. It
// ignores case. A unit without its B, as in 16M, is invalid, because some programs
// mean powers of 1000 by it and others powers of 1024.
func Parse(text string) (bytes int64, ok bool) {
	const maxDigits = 30
	text = strings.TrimSpace(text)
	number, factor := text, int64(1)
	for _, u := range units() {
		if at := len(text) - len(u.name); at > 0 && strings.EqualFold(text[at:], u.name) {
			number, factor = strings.TrimRight(text[:at], " "), u.bytes
			break
		}
	}
	if number == text {
		bytes, err := strconv.ParseInt(text, 10, 64)
		return bytes, err == nil
	}
	if len(number) > maxDigits || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	exact, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, false
	}
	exact.Mul(exact, new(big.Rat).SetInt64(factor))
	if !exact.IsInt() || !exact.Num().IsInt64() {
		return 0, false
	}
	return exact.Num().Int64(), true
}

// Format returns a number of bytes with the largest unit of 1024 that keeps it a
// whole number.
func Format(bytes int64) string {
	for _, u := range binaryUnits() {
		if bytes != 0 && bytes%u.bytes == 0 {
			return strconv.FormatInt(bytes/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}
