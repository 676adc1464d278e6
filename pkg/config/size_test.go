package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/config"
)

func TestParseSize_AcceptsBytesAndUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"16777216": 16 << 20, "16MiB": 16 << 20, "16 MiB": 16 << 20, " 16mib ": 16 << 20, "16384KiB": 16 << 20, "0.5GiB": 512 << 20,
		"1TiB": 1 << 40, "16MB": 16_000_000, "16mb": 16_000_000, "1kB": 1000, "3GB": 3_000_000_000, "1TB": 1_000_000_000_000, "7B": 7, "7 b": 7,
		"1.5KiB": 1536, "0": 0, "0B": 0, "-1": -1,
	} {
		if got, ok := config.ParseSize(text); !ok || got != want {
			t.Errorf("%q is %d, %t, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", " ", "MiB", "B", "16M", "16Mi", "16 M B", "sixteen", "1e3MiB", "1/2MiB", "-1MiB", "+1MiB", "1.2.3MiB", ".MiB", "0.3B", "1,5MiB", "16MiBs",
		"8388608TiB", "9223372036854775808", "0x10MiB", "1_000KB", "16\u00a0MiB", strings.Repeat("9", 40) + "B", "16MiB 1KiB", "Inf", "NaNB",
	} {
		if got, ok := config.ParseSize(text); ok {
			t.Errorf("%q is accepted as %d", text, got)
		}
	}
}

func TestFormatSize_IsParsedBack(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{0: "0", 1: "1", 1000: "1000", 1024: "1KiB", 1536: "1536", 16 << 20: "16MiB", 1 << 30: "1GiB", 5 << 40: "5TiB"} {
		if got := config.FormatSize(bytes); got != want {
			t.Errorf("%d is written as %q, want %q", bytes, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.Int64Min(0).Draw(t, "bytes")
		if got, ok := config.ParseSize(config.FormatSize(bytes)); !ok || got != bytes {
			t.Fatalf("%d is read back as %d, %t", bytes, got, ok)
		}
	})
}

// Each source of each size takes a unit, and a size over the range is rejected by
// its key.
func TestLoad_AcceptsUnitsForEverySize(t *testing.T) {
	sizes := 0
	for _, setting := range config.Settings() {
		if !strings.HasSuffix(setting.Key, "_bytes") {
			continue
		}
		sizes++
		t.Run(setting.Key, func(t *testing.T) {
			clearEnv(t)
			inFile := func(value string) string { return strings.Replace(setting.Key, ".", ":\n  ", 1) + ": " + value + "\n" }
			want, err := load(t, inFile("2097152"))
			if err != nil || want == config.Default() {
				t.Fatal(err)
			}
			check := func(source string, got config.Config, err error) {
				t.Helper()
				if err != nil || got != want {
					t.Errorf("by %s: %v\n%s", source, err, cmp.Diff(want, got))
				}
			}
			got, err := load(t, inFile("2MiB"))
			check("file", got, err)
			got, err = load(t, "", "--"+setting.Flag+"=2048 KiB")
			check("flag", got, err)
			t.Setenv(setting.Variable, "2mib")
			got, err = load(t, "")
			check("variable", got, err)
			t.Setenv(setting.Variable, "2TiB")
			_, err = load(t, "")
			if got := problems(t, err); len(got) != 1 || !strings.Contains(got[setting.Key], "must be between 1 and ") || !strings.Contains(got[setting.Key], "iB, not 2TiB") {
				t.Errorf("over the range: %v", got)
			}
			t.Setenv(setting.Variable, "2M")
			_, err = load(t, "")
			if got := problems(t, err); got[setting.Key] != `must be a size such as 16MiB, 16MB or 16777216 (bytes), not "2M"` {
				t.Errorf("without a unit's B: %v", got)
			}
		})
	}
	if sizes != 6 {
		t.Errorf("%d settings are sizes, want 6", sizes)
	}
}
