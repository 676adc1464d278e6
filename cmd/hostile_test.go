package cmd

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/eventagg/eventagg/pkg/api"
)

// hostile is a text that controls a terminal if it is printed as it is: it clears the
// screen, forges a line, sets the title by a C1 character, turns the direction of text,
// and has an invisible character.
const hostile = "a\x1b[2Jb\r\nforged\u009d0;title\u009cc\u202ed\u200be\u2028f"

// startHostile starts a server that sends hostile texts in every place of a response.
func startHostile(t *testing.T, status int) string {
	t.Helper()
	encoded := strings.NewReplacer("\x1b", `\u001b`, "\r", `\r`, "\n", `\n`).Replace(hostile)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "<"+hostile[:1]+">; rel=\"next\"")
		switch {
		case status != http.StatusOK:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"type":%q,"title":"%s","status":%d,"detail":"%[2]s","errors":[{"field":"%[2]s","message":"%[2]s"}]}`, "urn:x", encoded, status)
		case r.URL.Path == api.PathTopicStats:
			_, _ = fmt.Fprintf(w, `[{"topic":"%s","unique_processed":1,"duplicate_dropped":0,"first_seen":"2025-12-19T12:00:00Z","last_seen":"2025-12-19T12:00:00Z"}]`, encoded)
		case r.URL.Path == api.PathEvents:
			_, _ = fmt.Fprintf(w, `[{"topic":"%s","event_id":"%[1]s","timestamp":"2025-12-19T12:00:00Z","source":"%[1]s","payload":{"k":"%[1]s"},"created_at":"2025-12-19T12:00:00Z"}]`, encoded)
		case r.URL.Path == api.PathPublish:
			_, _ = fmt.Fprintf(w, `{"status":"%s","message":"%[1]s","topic":"%[1]s","event_id":"%[1]s"}`, encoded)
		default:
			_, _ = fmt.Fprintf(w, `{"received":"%s"}`, encoded)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestHostileServer_NeverControlsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		url := startHostile(t, status)
		for _, command := range []string{
			"stats", "stats --topics", "duplicates", "tail", "tail --limit 5 --topic x", "export --out -",
			"publish --count 2 --retry-for 1ms", "publish --count 4 --batch-size 2 --retry-for 1ms", "publish --count 2 --retry-for 1ms --verify", "publish --count 2 --ndjson --retry-for 1ms",
		} {
			var out, errOut bytes.Buffer
			a := &app{in: strings.NewReader(""), out: &out, errOut: &errOut}
			a.main(t.Context(), append(strings.Fields(command), "--url", url))
			text := errOut.String()
			if !strings.HasPrefix(command, "export") { // events as JSON for a file
				text += out.String()
			}
			for _, r := range text {
				if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
					t.Errorf("%s, status %d: %q is printed: %q", command, status, r, text)
					break
				}
			}
			if strings.Contains(text, "\nforged") {
				t.Errorf("%s, status %d: the server forged a line: %q", command, status, text)
			}
		}
	}
}
