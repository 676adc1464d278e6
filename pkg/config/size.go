package config

import (
	"math/big"
	"strconv"
	"strings"
)

// sizeUnit is a unit of sizes.
type sizeUnit struct {
	name  string
	bytes int64
}

// binaryUnits are the powers of 1024, the largest first.
func binaryUnits() []sizeUnit {
	return []sizeUnit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

// sizeUnits are all units. B is the last, because all end with it.
func sizeUnits() []sizeUnit {
	return append(binaryUnits(), sizeUnit{"TB", 1e12}, sizeUnit{"GB", 1e9}, sizeUnit{"MB", 1e6}, sizeUnit{"KB", 1e3}, sizeUnit{"B", 1})
}

// ParseSize parses a number of bytes, as in 16777216, 16MiB, 16 MB and 1.5GiB. It
// ignores case. A unit without its B, as in 16M, is invalid, because some programs
// mean powers of 1000 by it and others powers of 1024.
func ParseSize(text string) (bytes int64, ok bool) {
	const maxDigits = 30
	text = strings.TrimSpace(text)
	number, unit := text, int64(1)
	for _, u := range sizeUnits() {
		if at := len(text) - len(u.name); at > 0 && strings.EqualFold(text[at:], u.name) {
			number, unit = strings.TrimRight(text[:at], " "), u.bytes
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
	size, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, false
	}
	size.Mul(size, new(big.Rat).SetInt64(unit))
	if !size.IsInt() || !size.Num().IsInt64() {
		return 0, false
	}
	return size.Num().Int64(), true
}

// FormatSize returns a number of bytes with the largest unit of 1024 that keeps it a
// whole number.
func FormatSize(bytes int64) string {
	for _, u := range binaryUnits() {
		if bytes != 0 && bytes%u.bytes == 0 {
			return strconv.FormatInt(bytes/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}
