package cmd

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
)

// The commands run against servers of other programs.
func TestClientCommands_RecognizeForeignServer(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status  int
		text    string
		kind    string
		foreign bool
	}{
		"page at every path":                {200, "<html>Welcome!</html>", "text/html", true},
		"no such page":                      {404, "<html>Not found</html>", "text/html", true},
		"JSON API without that path":        {404, `{"error":"no such route"}`, "application/json", true},
		"server for GET only":               {501, "Unsupported method", "text/plain", true},
		"redirect":                          {302, "", "text/plain", true},
		"proxy whose server is unavailable": {502, "<html>Bad gateway</html>", "text/html", false},
		"proxy with authentication":         {401, "<html>Password</html>", "text/html", false},
		"older eventagg without that path":  {404, `{"type":"about:blank","title":"Not Found","status":404}`, "application/problem+json", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", row.kind)
				if row.status/100 == 3 {
					w.Header().Set("Location", "https://events.example.com/readyz")
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.text)
			}))
			defer s.Close()
			opts := defaultPublish()
			opts.client.URL, opts.generate.Count, opts.send.RetryFor = s.URL, 3, -1
			for command, run := range map[string]func(context.Context, *app) error{
				"publish": func(ctx context.Context, a *app) error { return a.runPublish(ctx, opts) },
				"stats": func(ctx context.Context, a *app) error {
					return a.runStats(ctx, statsOptions{client: config.Client{URL: s.URL}})
				},
				"stats --topics": func(ctx context.Context, a *app) error {
					return a.runStats(ctx, statsOptions{client: config.Client{URL: s.URL}, topics: true})
				},
				"tail": func(ctx context.Context, a *app) error {
					return a.runTail(ctx, tailOptions{client: config.Client{URL: s.URL}, limit: 1})
				},
				"tail -f": func(ctx context.Context, a *app) error {
					return a.runTail(ctx, tailOptions{client: config.Client{URL: s.URL}, follow: true})
				},
			} {
				a, out, errOut := testApp()
				err := run(t.Context(), a)
				if code := a.finish(t.Context(), err); code != exitFailed {
					t.Errorf("%s: exit code %d after %v", command, code, err)
				}
				foreign := strings.Contains(errOut.String(), "eventagg: "+s.URL+" does not look like an eventagg server: ") &&
					strings.Contains(errOut.String(), "Use --url for another address (or EVENTAGG_CLIENT_URL")
				if row.status/100 == 3 && !strings.Contains(errOut.String(), "it redirects to https://events.example.com\n") {
					t.Errorf("%s: wrote %s", command, errOut)
				}
				if foreign != row.foreign || foreign != client.ForeignServer(err) || foreign && out.Len() > 0 {
					t.Errorf("%s: wrote %s%s", command, out, errOut)
				}
			}
		})
	}
}
