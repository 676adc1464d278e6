package server

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
	"github.com/eventagg/eventagg/pkg/guide"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/server/openapi/openapitest"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestEveryRouteIsDocumented(t *testing.T) {
	t.Parallel()
	var routes []string
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, route := range serverWith(&memory{}, func(o *Options) { o.Metrics = http.NotFoundHandler() }).echo.Routes() {
		if route.Method != http.MethodHead {
			routes = append(routes, route.Method+" "+parameter.ReplaceAllString(route.Path, "{$1}"))
		}
	}
	slices.Sort(routes)
	if diff := gocmp.Diff(contract.Operations(), routes); diff != "" {
		t.Errorf("documented (-) and routed (+):\n%s", diff)
	}
}

func TestEveryMemberIsDocumented(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]any{
		"Published": api.Published{}, "Batch": api.Batch{}, "Result": api.Result{}, "FieldError": event.FieldError{}, "Problem": api.Problem{},
		"Stats": api.Stats{}, "TopicStats": api.TopicStats{}, "Series": api.Series{}, "Point": api.Point{}, "StoredEvent": api.Event{},
		"Health": api.Health{},
	} {
		want := map[string]openapitest.Property{}
		for _, field := range reflect.VisibleFields(reflect.TypeOf(shape)) {
			member, option, _ := strings.Cut(field.Tag.Get("json"), ",")
			want[member] = property(field.Type, option == "")
		}
		if diff := gocmp.Diff(want, contract.Properties(name)); diff != "" {
			t.Errorf("%s in package api (-) and in the document (+):\n%s", name, diff)
		}
	}
	for _, name := range contract.Schemas() {
		for member, property := range contract.Properties(name) {
			if !property.Described {
				t.Errorf("%s of %s has no description", member, name)
			}
		}
	}
}

// property is how a field of that type is documented.
func property(field reflect.Type, required bool) openapitest.Property {
	p := openapitest.Property{Required: required, Described: true}
	switch field.Kind() {
	case reflect.Pointer:
		return property(field.Elem(), required)
	case reflect.Int, reflect.Int64:
		p.Type = "integer"
	case reflect.Float64:
		p.Type = "number"
	case reflect.Bool:
		p.Type = "boolean"
	case reflect.Map:
		p.Type = "object"
	case reflect.String:
		p.Type = "string"
	default:
		switch {
		case field == reflect.TypeFor[time.Time]():
			p.Type, p.Format = "string", "date-time"
		case field == reflect.TypeFor[json.RawMessage]():
			p.Type = "object"
		default:
			p.Type, p.Items = "array", field.Elem().Name()
		}
	}
	return p
}

// isExample checks that an answer is the example of that name.
func isExample(t *testing.T, answer *httptest.ResponseRecorder, path, name string) {
	t.Helper()
	want, err := contract.Example(path, answer.Code, name)
	if err != nil {
		t.Fatalf("%v, of what was answered: %s", err, answer.Body)
	}
	var expected, got any
	if err := errors.Join(json.Unmarshal([]byte(want), &expected), json.Unmarshal(answer.Body.Bytes(), &got)); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(expected, got); diff != "" {
		t.Errorf("the example (-) and what is answered (+):\n%s", diff)
	}
}

// TestExamplesOfRequestsAreAnsweredByThoseOfAnswers sends every example of a
// body. The answer has the same name.
func TestExamplesOfRequestsAreAnsweredByThoseOfAnswers(t *testing.T) {
	t.Parallel()
	requests, err := contract.Requests()
	if err != nil || len(requests) < 5 {
		t.Fatalf("%d examples, %v", len(requests), err)
	}
	for _, request := range requests {
		t.Run(request.Name, func(t *testing.T) {
			t.Parallel()
			isExample(t, ask(serverWith(&memory{}), http.MethodPost, request.Path, request.Body, "Content-Type", request.MediaType), request.Path, request.Name)
		})
	}
}

func TestMessagesOfDescriptionsAreTaken(t *testing.T) {
	t.Parallel()
	messages := contract.Messages()
	if len(messages) == 0 {
		t.Fatal("there are none")
	}
	for _, message := range messages {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(message, "\n", "\r\n"))))
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		contract.Handler(serverWith(&memory{}).Handler()).ServeHTTP(answer, request)
		if answer.Code != http.StatusOK {
			t.Errorf("%s\nis answered %d %s", message, answer.Code, answer.Body)
		}
	}
}

// TestExamplesOfAnswers makes the server answer what the document shows for
// requests that have no body, and for those that fail.
func TestExamplesOfAnswers(t *testing.T) {
	t.Parallel()
	const one = `{"topic":"user_login","event_id":"5f1c","timestamp":"2025-12-19T12:00:00Z","source":"web-1","payload":{"user":"u-1042","n":1}}`
	lines := []string{"Content-Type", api.TypeLines}
	away, queue := &memory{fail: store.ErrUnavailable}, fakeQueue{size: queue.Size{Events: 12, DeadLetters: 3}}
	full := &memory{fail: store.ErrOverloaded}
	for _, row := range []struct {
		example, request, path string
		store                  *memory // default one that was sent the event twice
		change                 func(*Options)
		body                   string
		headers                []string
	}{
		{example: "duplicate", request: "POST /publish", body: one},
		{example: "queued", request: "POST /publish", store: &memory{}, change: withQueue(queue, false), body: one},
		{example: "long", request: "POST /publish", store: &memory{}, body: `{"payload":"` + strings.Repeat("x", 1<<20) + `"}`},
		{example: "invalid", request: "POST /publish", store: &memory{}, body: `{"topic":"t","event_id":7,"timestamp":"2025-12-19","payload":{}}`},
		{example: "none", request: "POST /publish", store: &memory{}, body: `[7]`},
		{example: "overloaded", request: "POST /publish", store: full, body: one},
		{example: "unavailable", request: "POST /publish", store: away, body: one},
		{example: "partial", request: "POST /publish", store: away, body: one, headers: lines},
		{example: "plain", request: "GET /stats"},
		{example: "queue", request: "GET /stats", store: &memory{}, change: withQueue(queue, true)},
		{example: "plain", request: "GET /stats/topics"},
		{example: "plain", request: "GET /stats/series"},
		{example: "plain", request: "GET /events"},
		{example: "query", request: "GET /events?topic=%", path: "/events"},
		{example: "limit", request: "GET /events?limit=0", path: "/events"},
		{example: "cursor", request: "GET /events?cursor=" + cursorAt(1000), path: "/events"},
		{example: "unavailable", request: "GET /events", store: away},
		{example: "failed", request: "GET /events", store: &memory{fail: errors.New("unheard of")}},
		{example: "failed", request: "GET /events/stream", store: &memory{fail: errors.New("unheard of")}},
		{example: "plain", request: "GET /events/user_login/5f1c", path: "/events/{topic}/{event_id}"},
		{example: "absent", request: "GET /events/user_login/6", path: "/events/{topic}/{event_id}"},
		{example: "alive", request: "GET /healthz", store: &memory{}, change: func(o *Options) { o.Version = "1.2.3" }},
		{example: "ready", request: "GET /readyz", store: &memory{}},
		{example: "degraded", request: "GET /readyz", store: away, change: withQueue(queue, true)},
	} {
		t.Run(row.example+" "+row.request, func(t *testing.T) {
			t.Parallel()
			m := cmp.Or(row.store, &memory{})
			s := serverWith(m)
			if row.change != nil {
				s = serverWith(m, row.change)
			}
			for range 2 {
				if row.store == nil {
					ask(s, http.MethodPost, "/publish", one)
				}
			}
			method, target, _ := strings.Cut(row.request, " ")
			isExample(t, ask(s, method, target, row.body, row.headers...), cmp.Or(row.path, target), row.example)
		})
	}
}

// TestWhatIsTakenFitsItsSchema: a client that checks by the document keeps
// nothing back that the server would take.
func TestWhatIsTakenFitsItsSchema(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := eventtest.Events().Draw(t, "event")
		if err := contract.Fits("Event", string(codec.Append(nil, e))); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDocsNeedNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	page := ask(s, http.MethodGet, "/docs", "")
	if policy := page.Header().Get("Content-Security-Policy"); page.Code != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
		t.Errorf("answered %d, policy %q", page.Code, policy)
	}
	parts := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(parts) < 4 {
		t.Fatalf("parts are %v", parts)
	}
	for _, part := range parts {
		if strings.HasPrefix(part[1], "data:") {
			continue
		}
		plain, packed := ask(s, http.MethodGet, "/"+part[1], ""), ask(s, http.MethodGet, "/"+part[1], "", "Accept-Encoding", "br, gzip;q=0.5")
		if plain.Code != http.StatusOK || plain.Header().Get("Content-Encoding") != "" || plain.Body.Len() == 0 {
			t.Errorf("%s: %d %v", part[1], plain.Code, plain.Header())
		}
		if packed.Header().Get("Content-Encoding") == "" {
			continue
		}
		reader, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(reader); err != nil || !bytes.Equal(text, plain.Body.Bytes()) {
			t.Errorf("%s is another text when it is packed, %v", part[1], err)
		}
	}
	if none := ask(s, http.MethodGet, "/docs/swagger-ui.js", ""); none.Code != http.StatusNotFound {
		t.Errorf("a file of Swagger UI that the page doesn't need: %d", none.Code)
	}
}

func TestDocsAreNotSentAgain(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	for _, path := range []string{"/openapi.json", "/docs", "/docs/docs.js", "/docs/swagger-ui.css"} {
		first := ask(s, http.MethodGet, path, "", "Accept-Encoding", "gzip")
		tag := first.Header().Get("ETag")
		for sent, want := range map[string]int{tag: 304, `"x", W/` + tag: 304, "*": 200, `"x"`: 200} {
			again := ask(s, http.MethodGet, path, "", "Accept-Encoding", "gzip", "If-None-Match", sent)
			if again.Code != want || again.Header().Get("ETag") != tag {
				t.Errorf("%s, If-None-Match %s: %d with %s", path, sent, again.Code, again.Header().Get("ETag"))
			}
		}
		if other := ask(s, http.MethodGet, path, ""); first.Header().Get("Content-Encoding") != "" && other.Header().Get("ETag") == tag {
			t.Errorf("%s has the same tag, compressed or not", path)
		}
	}
}

// TestDocs_ShowGuides requests the guides and what they load.
func TestDocs_ShowGuides(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	for path, want := range map[string]int{
		"/docs/": 200, "/docs/guides/guarantees": 200, "/docs/guides/style.css": 200, "/docs/guides/search.js": 200,
		"/docs/guides/index.json": 200, "/docs/guides/decisions/0001-group-commit": 200,
		"/docs/guides/nothing": 404, "/docs/guides/decisions/0000-nothing": 404, "/docs/guides/": 404, "/docs/guides/guarantees.md": 404,
	} {
		first := ask(s, http.MethodGet, path, "")
		if first.Code != want {
			t.Errorf("%s: status %d, want %d", path, first.Code, want)
		}
		if want != http.StatusOK {
			continue
		}
		if policy := first.Header().Get("Content-Security-Policy"); policy != guide.ContentSecurityPolicy {
			t.Errorf("%s: policy %q", path, policy)
		}
		if again := ask(s, http.MethodGet, path, "", "If-None-Match", first.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: status %d for what the client has", path, again.Code)
		}
	}
}

func TestTakesGzip(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"": false, "gzip": true, "br, GZIP": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0.1, br": true, "gzip; q=1": true,
		"x-gzip": false, "deflate": false, "*": false,
	} {
		if got := takesGzip(http.Header{"Accept-Encoding": {value}}); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
}
