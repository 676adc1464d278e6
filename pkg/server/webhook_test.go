package server

import (
	"net/http"
	"testing"

	"github.com/eventagg/eventagg/pkg/auth"
)

func TestWebHook_GrantsAllowedOrigins(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		path         string
		headers      []string
		limit        int64 // events a second; 0: none
		origin, rate string
	}{
		"the name of an allowed origin": {"/publish", []string{"WebHook-Request-Origin", "app.example"}, 0, "app.example", ""},
		"in other letters":              {"/publish", []string{"WebHook-Request-Origin", "App.Example"}, 0, "App.Example", ""},
		"the origin itself":             {"/publish", []string{"WebHook-Request-Origin", "https://app.example"}, 0, "https://app.example", ""},
		"with a rate":                   {"/publish", []string{"WebHook-Request-Origin", "app.example", "WebHook-Request-Rate", "120"}, 0, "app.example", "*"},
		"with a rate and a limit":       {"/publish", []string{"WebHook-Request-Origin", "app.example", "WebHook-Request-Rate", "120"}, 5, "app.example", "300"},
		"another name":                  {"/publish", []string{"WebHook-Request-Origin", "evil.example", "WebHook-Request-Rate", "1"}, 0, "", ""},
		"a name that begins as it":      {"/publish", []string{"WebHook-Request-Origin", "app.example.evil.example"}, 0, "", ""},
		"an empty name":                 {"/publish", []string{"WebHook-Request-Origin", ""}, 0, "", ""},
		"no name":                       {"/publish", []string{"WebHook-Request-Rate", "1"}, 0, "", ""},
		"another path":                  {"/events", []string{"WebHook-Request-Origin", "app.example"}, 0, "", ""},
	} {
		s := serverWith(&memory{}, func(o *Options) {
			o.AllowedOrigins = []string{"https://other.example", "https://app.example"}
			o.Limits = auth.Limits{Events: row.limit}
		})
		response := send(s, http.MethodOptions, row.path, "", row.headers...)
		header := response.Header()
		if response.Code != http.StatusNoContent || header.Get("Webhook-Allowed-Origin") != row.origin || header.Get("Webhook-Allowed-Rate") != row.rate {
			t.Errorf("%s: %d %v", name, response.Code, header)
		}
	}
}
