package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/config"
)

func TestLoad_ReadsListsFromEverySource(t *testing.T) {
	for name, test := range map[string]struct {
		yaml, variable string
		args           []string
		want           []string
	}{
		"none":                 {},
		"an empty list":        {yaml: "http:\n  allowed_hosts: []\n"},
		"a list in the file":   {yaml: "http:\n  allowed_hosts: [a.example, '*.b.example']\n", want: []string{"a.example", "*.b.example"}},
		"a text in the file":   {yaml: "http:\n  allowed_hosts: a.example, b.example\n", want: []string{"a.example", "b.example"}},
		"a variable":           {yaml: "http:\n  allowed_hosts: [x]\n", variable: "a.example,b.example", want: []string{"a.example", "b.example"}},
		"a flag over variable": {variable: "x", args: []string{"--http-allowed-hosts", "a.example"}, want: []string{"a.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv("EVENTAGG_HTTP_ALLOWED_HOSTS", test.variable)
			got, err := load(t, test.yaml, test.args...)
			if err != nil || !slices.Equal(got.HTTP.AllowedHosts.Items(), test.want) {
				t.Errorf("got %q, %v, want %q", got.HTTP.AllowedHosts.Items(), err, test.want)
			}
		})
	}
}

func TestLoad_RejectsWrongLists(t *testing.T) {
	clearEnv(t)
	_, err := load(t, "http:\n  allowed_hosts: [1]\n  allowed_origins: {a: b}\n")
	got := problems(t, err)
	if got["http.allowed_hosts"] != "must be a list of texts without commas" {
		t.Errorf("problems %v", got)
	}
}

func TestValidate_HostsAndOrigins(t *testing.T) {
	t.Parallel()
	for text, valid := range map[config.List]bool{
		"a.example": true, "*.a.example": true, "10.0.0.1": true, "A_b-1": true, "a,b": true,
		"a:80": false, "http://a": false, "*": false, "a,": false, "*.": false, "a b": false, "ü.example": false, "[::1]": false, "a.*.b": false,
	} {
		c := config.Default()
		c.HTTP.AllowedHosts = text
		if err := c.Validate(); (err == nil) != valid {
			t.Errorf("host %q: %v", text, err)
		}
	}
	for text, valid := range map[config.List]bool{
		"https://a.example": true, "http://a:8080": true, "http://[::1]:1": true, "chrome-extension://abc": true, "https://a,https://b": true,
		"*": false, "https://*.a": false, "null": false, "a.example": false, "https://a/": false, "https://a?b": false, "https://A": false,
		"https://u@a": false, "https://a:443": false, "http://a:80": false, "https://ü": false, "https://a:99999": false, "https://": false, "https://a,": false,
	} {
		c := config.Default()
		c.HTTP.AllowedOrigins = text
		if err := c.Validate(); (err == nil) != valid {
			t.Errorf("origin %q: %v", text, err)
		}
	}
}

func TestLoad_ReadsHeaderLinesFromEverySource(t *testing.T) {
	for name, test := range map[string]struct {
		yaml, variable string
		args           []string
		want           []string
	}{
		"none":                      {},
		"a list in the file":        {yaml: "client:\n  headers: ['X-A: b, c', '@secret.txt']\n", want: []string{"X-A: b, c", "@secret.txt"}},
		"a text in the file":        {yaml: "client:\n  headers: 'X-A: b'\n", want: []string{"X-A: b"}},
		"a variable with two lines": {variable: "X-A: b\nX-C: d\n", want: []string{"X-A: b", "X-C: d"}},
		"repeated flags, not the variable": {
			variable: "X-E: f", args: []string{"--header", "X-A: b", "--header=@x"}, want: []string{"X-A: b", "@x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			t.Setenv("EVENTAGG_CLIENT_HEADERS", test.variable)
			got, err := load(t, test.yaml, test.args...)
			if err != nil || !slices.Equal(got.Client.Headers.Items(), test.want) {
				t.Errorf("got %q, %v, want %q", got.Client.Headers.Items(), err, test.want)
			}
			if len(test.want) > 0 && strings.Contains(got.String(), "X-A") {
				t.Errorf("headers are shown: %s", got)
			}
		})
	}
}
