package eventtest

import (
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
)

// Payloads generates valid payloads without white space between their tokens.
// Depth and numbers reach their limits, and strings are written in every form.
func Payloads() *rapid.Generator[string] {
	deep := rapid.Map(scalars(), func(scalar string) string {
		const levels = event.MaxPayloadDepth
		return strings.Repeat(`{"n":[`, levels/2) + scalar + strings.Repeat(`]}`, levels/2)
	})
	long := rapid.Map(rapid.SampledFrom(stringPieces()), func(piece string) string {
		return `{"long":"` + strings.Repeat(piece, 3000) + `"}`
	})
	return rapid.OneOf(rapid.Just("{}"), objects(0), objects(0), objects(3), deep, long)
}

// objects generates objects that contain at most this many further levels.
func objects(levels int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		members := rapid.SliceOfN(values(levels), 0, 4).Draw(t, "members")
		for i, value := range members {
			// The number makes the name unique in its object, whatever the
			// escapes before it mean.
			name := rapid.SampledFrom(stringPieces()).Draw(t, "name") + strconv.Itoa(i)
			members[i] = `"` + name + `":` + value
		}
		return "{" + strings.Join(members, ",") + "}"
	})
}

func arrays(levels int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(values(levels), 0, 4), func(items []string) string {
		return "[" + strings.Join(items, ",") + "]"
	})
}

func values(levels int) *rapid.Generator[string] {
	if levels == 0 {
		return scalars()
	}
	return rapid.OneOf(scalars(), objects(levels-1), arrays(levels-1))
}

func scalars() *rapid.Generator[string] {
	text := rapid.Map(rapid.SliceOfN(rapid.SampledFrom(stringPieces()), 0, 5), func(parts []string) string {
		return `"` + strings.Join(parts, "") + `"`
	})
	return rapid.OneOf(rapid.SampledFrom([]string{"true", "false", "null"}), rapid.SampledFrom(numbers()), text)
}

// numbers returns numbers that easily lose digits, up to the maximum number of
// digits.
func numbers() []string {
	const maximum = event.MaxNumberDigits
	return []string{
		"0", "-0", "0.0", "-0.0", "0e5", "1.0", "1.10", "1E+2", "1e2", "1e-2", "100", "0.1", "0.30000000000000004",
		"9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551616", "-9223372036854775809",
		"1.7976931348623157e308", "1e400", "5e-324", "1e-400", "1e999", "1e-999", "0.1234567890123456789012345678901234567890",
		strings.Repeat("9", maximum), "0." + strings.Repeat("9", maximum-1), "-" + strings.Repeat("8", maximum/2) + "." + strings.Repeat("7", maximum/2),
	}
}

// stringPieces returns parts of string literals, with and without escapes, but
// without U+0000 and lone surrogates.
func stringPieces() []string {
	return []string{
		"", "a", "key", "é", "e\u0301", "漢", "\U0001f600", "\u2028", "\ufeff", "\uffff", "\u007f", "\u0085", "'", "$1", "%", "<", "&",
		`\"`, `\\`, `\/`, `/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\\u0000`, `\u0001`, `\u001f`, `\u0020`, `\u0041`, `\u00e9`, `\u00E9`, `\ud83d\ude00`,
		`\uD83D\uDE00`, `\uffff`, `\u2028`, `null`, `}`, `]`, `,`, `:`, ` `, `  `,
	}
}
