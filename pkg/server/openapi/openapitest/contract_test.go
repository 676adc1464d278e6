package openapitest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// headerID is the header's name in the form of net/http.
var headerID = http.CanonicalHeaderKey("X-Request-ID")

const stats = `{"received":1,"unique_processed":1,"duplicate_dropped":0,"conflicts":0,"stored_events":1,"topics_active":1,"uptime_seconds":0.5}`

// respondWith returns a handler with a fixed response. An empty header value
// removes the header.
func respondWith(status int, body string, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(headerID, "r-1")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Del(headers[i])
			if headers[i+1] != "" {
				w.Header().Set(headers[i], headers[i+1])
			}
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func TestHandler_FindsUndocumentedResponses(t *testing.T) {
	t.Parallel()
	const (
		problem = `{"type":"about:blank","title":"Not Found","status":404}`
		event   = `{"topic":"t","event_id":"e","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{},"created_at":"2025-12-19T12:00:00Z"}`
	)
	typed := func(mediaType string, more ...string) []string {
		return append([]string{"Content-Type", mediaType}, more...)
	}
	isProblem, isStream := typed("application/problem+json"), typed("text/event-stream")
	for _, row := range []struct {
		name, request string
		handler       http.Handler
		want          string // a part of the violation, "" for none
	}{
		{"a documented response", "GET /stats", respondWith(200, stats), ""},
		{"an undocumented status", "GET /stats", respondWith(201, stats), "has no response with this status"},
		{"an undocumented member", "GET /stats", respondWith(200, strings.Replace(stats, "{", `{"x":1,`, 1)), "additional properties 'x' not allowed"},
		{"a missing member", "GET /stats", respondWith(200, `{"received":1}`), "missing properties"},
		{"a member of another type", "GET /stats", respondWith(200, strings.Replace(stats, "1", `"1"`, 1)), "want integer"},
		{"an undocumented member of a nested object", "GET /events", respondWith(200, "["+strings.Replace(event, "{", `{"x":1,`, 1)+"]"), "additional properties 'x' not allowed"},
		{"a time that is not in UTC", "GET /events", respondWith(200, "["+strings.Replace(event, "Z", "+00:00", 1)+"]"), "does not match pattern"},
		{"an invalid time", "GET /events", respondWith(200, "["+strings.Replace(event, "2025-12-19T12", "2025-12-32T12", 1)+"]"), "not valid date-time"},
		{"invalid JSON", "GET /stats", respondWith(200, "{"), "EOF"},
		{"an undocumented media type", "GET /stats", respondWith(200, "1", typed("text/plain")...), "undocumented media type text/plain"},
		{"an undocumented header", "GET /stats", respondWith(200, stats, "X-More", "1"), "undocumented header X-More"},
		{"a missing header of every response", "GET /stats", respondWith(200, stats, "X-Content-Type-Options", ""), "lacks the header X-Content-Type-Options"},
		{"a foreign page", "GET /stats", respondWith(403, problem, isProblem...), ""},
		{"a missing header", "GET /stats", respondWith(200, stats, "X-Request-Id", ""), "lacks the header X-Request-Id"},
		{"a header with an invalid value", "GET /readyz", respondWith(503, `{"status":"unavailable"}`, "Retry-After", "soon"), "header Retry-After"},
		{"an undocumented path", "GET /nothing", respondWith(200, stats), "should have the status 404"},
		{"404 for an undocumented path", "GET /nothing", respondWith(404, problem, isProblem...), ""},
		{"an undocumented method", "DELETE /stats", respondWith(200, stats), "should have the status 405"},
		{"HEAD with a body", "HEAD /stats", respondWith(200, stats), "has a body"},
		{"a stream", "GET /events/stream", respondWith(200, "retry: 1000\n\nid: bx\nevent: event\ndata: "+event+"\n\n: still\nid: bx\n\nid: b", isStream...), ""},
		{"a stream of another type", "GET /events/stream", respondWith(200, "data: {}\n\n", isStream...), "missing properties"},
		{"a stream with an unexpected line", "GET /events/stream", respondWith(200, "x: y\n\n", isStream...), `unexpected line "x: y"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, err := New()
			if err != nil {
				t.Fatal(err)
			}
			method, path, _ := strings.Cut(row.request, " ")
			recorder := httptest.NewRecorder()
			c.Handler(row.handler).ServeHTTP(recorder, httptest.NewRequest(method, path, http.NoBody))
			switch got := strings.Join(c.violations, "\n"); {
			case row.want == "" && got != "":
				t.Errorf("violation %q, want none", got)
			case !strings.Contains(got, row.want):
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestMissing_ListsWhatNoTestReceived(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const status, example = "no test received GET /stats 200", "no test received the example #/paths/~1stats/get/responses/200 application/json plain"
	before := c.missing()
	c.Handler(respondWith(200, strings.NewReplacer("0.5", "0", `received":1`, `received":2`, `dropped":0`, `dropped":1`).Replace(stats))).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/stats", http.NoBody))
	after := c.missing()
	for _, item := range []string{status, example} {
		if !slices.Contains(before, item) || slices.Contains(after, item) {
			t.Errorf("%s: before %t, after %t", item, slices.Contains(before, item), slices.Contains(after, item))
		}
	}
}
