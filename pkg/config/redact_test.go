package config_test

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/config"
)

func TestRedact_HidesOnlySecrets(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ give, want string }{
		"nothing":                         {"", ""},
		"a file":                          {"sqlite:data/a@b:c.db", "sqlite:data/a@b:c.db"},
		"a URL without a password":        {"postgres://u@h:5432/d?sslmode=disable", "postgres://u@h:5432/d?sslmode=disable"},
		"a URL with one":                  {"postgres://u:p@h/d", "postgres://u:xxxxx@h/d"},
		"an empty password":               {"postgres://u:@h/d", "postgres://u:xxxxx@h/d"},
		"a password among parameters":     {"postgres://h/d?password=p&user=u", "postgres://h/d?password=xxxxx&user=u"},
		"a passphrase among parameters":   {"postgres://h/d?sslpassword=p", "postgres://h/d?sslpassword=xxxxx"},
		"a URL that can't be parsed":      {"postgres://u:p%@h/d", "postgres:xxxxx"},
		"a query that can't be parsed":    {"postgres://h/d?password=%zz", "postgres:xxxxx"},
		"a password with a slash":         {"postgres://u:1/p@h/d", "postgres:xxxxx"},
		"a password with a hash":          {"postgres://u:1#p@h/d", "postgres:xxxxx"},
		"a password with a question mark": {"postgres://u:1?p@h/d", "postgres:xxxxx"},
		"not a URL":                       {"user@host", "xxxxx"},
		"a plain word":                    {"word", "word"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := config.Redact(test.give); got != test.want {
				t.Errorf("Redact(%q) is %q, expected %q", test.give, got, test.want)
			}
		})
	}
}

// The password is escaped as it should be, or raw.
func TestConfig_NeverPrintsPassword(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		secret := "geheim" + rapid.StringMatching(`[ -~]{0,12}`).Draw(rt, "rest")
		written := secret
		if rapid.Bool().Draw(rt, "escaped") {
			written = url.QueryEscape(secret)
		}
		form := rapid.SampledFrom([]string{"postgres://u:PW@h/d", "postgres://:PW@h", "postgres:PW@h", "postgres://h/d?password=PW"}).Draw(rt, "form")
		c := config.Default()
		c.Database.URL = strings.ReplaceAll(form, "PW", written)
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("configuration", slog.Any("config", c))
		text := config.Redact(c.Database.URL) + c.String() + logged.String()
		if err := c.Validate(); err != nil {
			text += err.Error()
		}
		if strings.Contains(text, "geheim") {
			rt.Errorf("%q shows the password: %s", c.Database.URL, text)
		}
	})
}
