package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/config"
)

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
