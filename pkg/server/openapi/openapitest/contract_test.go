package openapitest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// headerID is in the form that net/http keeps it under.
var headerID = http.CanonicalHeaderKey("X-Request-ID")

const stats = `{"received":1,"unique_processed":1,"duplicate_dropped":0,"topics_active":1,"uptime_seconds":0.5}`

// answering is a handler that answers so.
func answering(status int, body string, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set(headerID, "r-1")
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

func TestAnswersThatAreNotDocumentedAreFaults(t *testing.T) {
	t.Parallel()
	const (
		problem = `{"type":"about:blank","title":"Not Found","status":404}`
		event   = `{"topic":"t","event_id":"e","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{},"created_at":"2025-12-19T12:00:00Z"}`
	)
	typed := func(mediaType string, more ...string) []string {
		return append([]string{"Content-Type", mediaType}, more...)
	}
	isProblem, isStream := typed("application/problem+json"), typed("text/event-stream", "Cache-Control", "no-store")
	for _, row := range []struct {
		name, request string
		answer        http.Handler
		want          string // a part of the fault, "" for none
	}{
		{"what is documented", "GET /stats", answering(200, stats), ""},
		{"a status that isn't", "GET /stats", answering(201, stats), "has no answer of this status"},
		{"a member that isn't", "GET /stats", answering(200, strings.Replace(stats, "{", `{"x":1,`, 1)), "additional properties 'x' not allowed"},
		{"a member that is missing", "GET /stats", answering(200, `{"received":1}`), "missing properties"},
		{"a member of another type", "GET /stats", answering(200, strings.Replace(stats, "1", `"1"`, 1)), "want integer"},
		{"a member deep within", "GET /events", answering(200, "["+strings.Replace(event, "{", `{"x":1,`, 1)+"]"), "additional properties 'x' not allowed"},
		{"a time that isn't in UTC", "GET /events", answering(200, "["+strings.Replace(event, "Z", "+00:00", 1)+"]"), "does not match pattern"},
		{"no time at all", "GET /events", answering(200, "["+strings.Replace(event, "2025-12-19T12", "2025-12-32T12", 1)+"]"), "not valid date-time"},
		{"no JSON", "GET /stats", answering(200, "{"), "EOF"},
		{"another media type", "GET /stats", answering(200, "1", typed("text/plain")...), "is of type text/plain"},
		{"a header that isn't documented", "GET /stats", answering(200, stats, "X-More", "1"), "has the header X-More"},
		{"a header that is missing", "GET /stats", answering(200, stats, "X-Request-Id", ""), "lacks the header X-Request-Id"},
		{"a header of another form", "GET /readyz", answering(503, `{"status":"unavailable"}`, "Retry-After", "soon"), "header Retry-After"},
		{"a path that isn't documented", "GET /nothing", answering(200, stats), "should be answered 404"},
		{"its absence", "GET /nothing", answering(404, problem, isProblem...), ""},
		{"a method that isn't documented", "DELETE /stats", answering(200, stats), "should be answered 405"},
		{"a body of HEAD", "HEAD /stats", answering(200, stats), "has a body"},
		{"a stream", "GET /events/stream", answering(200, "retry: 1000\n\nid: bx\nevent: event\ndata: "+event+"\n\n: still\nid: bx\n\nid: b", isStream...), ""},
		{"a stream of something else", "GET /events/stream", answering(200, "data: {}\n\n", isStream...), "missing properties"},
		{"a stream with a strange line", "GET /events/stream", answering(200, "x: y\n\n", isStream...), `has the line "x: y"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, err := New()
			if err != nil {
				t.Fatal(err)
			}
			method, path, _ := strings.Cut(row.request, " ")
			recorder := httptest.NewRecorder()
			c.Handler(row.answer).ServeHTTP(recorder, httptest.NewRequest(method, path, http.NoBody))
			switch got := strings.Join(c.faults, "\n"); {
			case row.want == "" && got != "":
				t.Errorf("found fault: %s", got)
			case !strings.Contains(got, row.want):
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestWhatNoAnswerWasIsMissing(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const status, example = "no test saw GET /stats 200", "no test saw the example #/paths/~1stats/get/responses/200 application/json plain"
	before := c.missing()
	c.Handler(answering(200, strings.NewReplacer("0.5", "0", `received":1`, `received":2`, `dropped":0`, `dropped":1`).Replace(stats))).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/stats", http.NoBody))
	after := c.missing()
	for _, promise := range []string{status, example} {
		if !slices.Contains(before, promise) || slices.Contains(after, promise) {
			t.Errorf("%s: before %t, after %t", promise, slices.Contains(before, promise), slices.Contains(after, promise))
		}
	}
}
