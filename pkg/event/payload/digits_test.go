package payload

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDigitsInFull_CountsAsPostgreSQL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, literal string
		want          int
	}{
		{"zero", "0", 1},
		{"minus zero", "-0", 1},
		{"a digit", "7", 1},
		{"the sign is not a digit", "-123", 3},
		{"a fraction has a zero before the point", "0.25", 3},
		{"trailing zeros of a fraction count", "1.500", 4},
		{"an exponent adds zeros", "1e3", 4},
		{"an exponent uses the fraction first", "1.5e3", 4},
		{"an exponent as long as the fraction", "12.345e3", 5},
		{"a capital E and a plus", "2E+2", 3},
		{"a small number", "1e-2", 3},
		{"a whole part that moves behind the point", "1234e-2", 4},
		{"a whole part that disappears", "1234e-6", 7},
		{"leading zeros are not counted after a shift", "0.001e5", 3},
		{"zero with an exponent stays zero", "0e500", 1},
		{"zero with a negative exponent keeps its places", "0e-5", 6},
		{"zero with a fraction and an exponent", "0.00e1", 2},
		{"an exponent with leading zeros", "1e0000000000000000000000003", 4},
		{"an exponent above the bound", "1e9999999999999999", 1<<40 + 1},
		{"an exponent above any int", "1e99999999999999999999999", MaxNumberDigits + 1},
	} {
		if got := digitsInFull([]byte(test.literal)); got != test.want {
			t.Errorf("%s: %s needs %d digits, want %d", test.name, test.literal, got, test.want)
		}
	}
}

// TestDigitsInFull_AgreesWithBig writes the number out with package math/big.
func TestDigitsInFull_AgreesWithBig(t *testing.T) {
	t.Parallel()
	digits := rapid.StringMatching(`[0-9]{1,30}`)
	rapid.Check(t, func(t *rapid.T) {
		whole := strings.TrimLeft(digits.Draw(t, "whole"), "0")
		if whole == "" || rapid.Bool().Draw(t, "below one") {
			whole = "0"
		}
		literal, fraction := whole, ""
		if rapid.Bool().Draw(t, "has a fraction") {
			fraction = digits.Draw(t, "fraction")
			literal += "." + fraction
		}
		exponent := rapid.IntRange(-60, 60).Draw(t, "exponent")
		if exponent != 0 {
			literal += fmt.Sprintf("e%d", exponent)
		}
		value, ok := new(big.Rat).SetString(literal)
		if !ok {
			t.Fatalf("%s is not a number", literal)
		}
		// PostgreSQL's numeric type keeps as many decimal places as were written.
		text := value.FloatString(max(0, len(fraction)-exponent))
		want := len(strings.Replace(text, ".", "", 1))
		if got := digitsInFull([]byte(literal)); got != want {
			t.Fatalf("%s is %s in full: counted %d digits, want %d", literal, text, got, want)
		}
	})
}

func TestHasNUL_FindsTheEscape(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]bool{
		`""`: false, `"\u0000"`: true, `"\\u0000"`: false, `"\\\u0000"`: true, `"\u00000"`: true, `"a\tb\u0000"`: true,
		`"\u0001"`: false, `"u0000"`: false, `"\"\u0000\""`: true, `"\\\\u0000"`: false, `"\u000`: false, `"\`: false,
	} {
		if got := hasNUL([]byte(literal)); got != want {
			t.Errorf("%s has U+0000: %v, want %v", literal, got, want)
		}
	}
}
