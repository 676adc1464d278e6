package size_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/size"
)

func TestParse_AcceptsBytesAndUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"16777216": 16 << 20, "16MiB": 16 << 20, "16 MiB": 16 << 20, " 16mib ": 16 << 20, "16384KiB": 16 << 20, "0.5GiB": 512 << 20,
		"1TiB": 1 << 40, "16MB": 16_000_000, "16mb": 16_000_000, "1kB": 1000, "3GB": 3_000_000_000, "1TB": 1_000_000_000_000, "7B": 7, "7 b": 7,
		"1.5KiB": 1536, "0": 0, "0B": 0, "-1": -1,
	} {
		if got, ok := size.Parse(text); !ok || got != want {
			t.Errorf("%q is %d, %t, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", " ", "MiB", "B", "16M", "16Mi", "16 M B", "sixteen", "1e3MiB", "1/2MiB", "-1MiB", "+1MiB", "1.2.3MiB", ".MiB", "0.3B", "1,5MiB", "16MiBs",
		"8388608TiB", "9223372036854775808", "0x10MiB", "1_000KB", "16\u00a0MiB", strings.Repeat("9", 40) + "B", "16MiB 1KiB", "Inf", "NaNB",
	} {
		if got, ok := size.Parse(text); ok {
			t.Errorf("%q is accepted as %d", text, got)
		}
	}
}

func TestFormat_IsParsedBack(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{0: "0", 1: "1", 1000: "1000", 1024: "1KiB", 1536: "1536", 16 << 20: "16MiB", 1 << 30: "1GiB", 5 << 40: "5TiB"} {
		if got := size.Format(bytes); got != want {
			t.Errorf("%d is written as %q, want %q", bytes, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.Int64Min(0).Draw(t, "bytes")
		if got, ok := size.Parse(size.Format(bytes)); !ok || got != bytes {
			t.Fatalf("%d is read back as %d, %t", bytes, got, ok)
		}
	})
}
