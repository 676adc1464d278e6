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
	"runtime"
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

func TestOpenAPI_HasEveryRoute(t *testing.T) {
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

func TestOpenAPI_HasEveryMember(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]any{
		"Published": api.Published{}, "Receipt": api.Receipt{}, "Batch": api.Batch{}, "Result": api.Result{}, "FieldError": event.FieldError{}, "Problem": api.Problem{},
		"Stats": api.Stats{}, "TopicStats": api.TopicStats{}, "Duplicate": api.Duplicate{}, "Series": api.Series{}, "Point": api.Point{}, "StoredEvent": api.Event{},
		"Health": api.Health{},
	} {
		want := map[string]openapitest.Property{}
		for _, field := range reflect.VisibleFields(reflect.TypeOf(shape)) {
			member, option, _ := strings.Cut(field.Tag.Get("json"), ",")
			want[member] = documentedAs(field.Type, option == "")
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

// documentedAs returns the documentation that a field of a type must have.
func documentedAs(field reflect.Type, required bool) openapitest.Property {
	p := openapitest.Property{Required: required, Described: true}
	switch field.Kind() {
	case reflect.Pointer:
		return documentedAs(field.Elem(), required)
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
		case field == reflect.TypeFor[json.RawMessage](), field.Kind() == reflect.Struct:
			p.Type = "object"
		default:
			p.Type, p.Items = "array", field.Elem().Name()
		}
	}
	return p
}

// wantExample checks that a response equals the example of that name.
func wantExample(t *testing.T, response *httptest.ResponseRecorder, path, name string) {
	t.Helper()
	want, err := contract.Example(path, response.Code, name)
	if err != nil {
		t.Fatalf("%v; response: %s", err, response.Body)
	}
	var expected, got any
	if err := errors.Join(json.Unmarshal([]byte(want), &expected), json.Unmarshal(response.Body.Bytes(), &got)); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(expected, got); diff != "" {
		t.Errorf("the example (-) and the response (+):\n%s", diff)
	}
}

// TestOpenAPI_RequestExamplesGetResponseExamples sends every example of a request
// body. The response must equal the response example of the same name.
func TestOpenAPI_RequestExamplesGetResponseExamples(t *testing.T) {
	t.Parallel()
	requests, err := contract.Requests()
	if err != nil || len(requests) < 5 {
		t.Fatalf("%d examples, %v", len(requests), err)
	}
	for _, request := range requests {
		t.Run(request.Name, func(t *testing.T) {
			t.Parallel()
			wantExample(t, send(serverWith(&memory{}), http.MethodPost, request.Path, request.Body, "Content-Type", request.MediaType), request.Path, request.Name)
		})
	}
}

func TestOpenAPI_MessagesInDescriptionsAreValid(t *testing.T) {
	t.Parallel()
	messages := contract.Messages()
	if len(messages) == 0 {
		t.Fatal("no HTTP message in a description")
	}
	for _, message := range messages {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(message, "\n", "\r\n"))))
		if err != nil {
			t.Fatal(err)
		}
		response := httptest.NewRecorder()
		contract.Handler(serverWith(&memory{}).Handler()).ServeHTTP(response, request)
		if response.Code != http.StatusOK {
			t.Errorf("%s\ngot %d %s", message, response.Code, response.Body)
		}
	}
}

// TestOpenAPI_ResponseExamplesAreReal compares the response examples of requests
// that have no body or fail with real responses.
func TestOpenAPI_ResponseExamplesAreReal(t *testing.T) {
	t.Parallel()
	const one = `{"topic":"user_login","event_id":"5f1c","timestamp":"2025-12-19T12:00:00Z","source":"web-1","payload":{"user":"u-1042","n":1}}`
	lines := []string{"Content-Type", api.TypeLines}
	unavailable, waiting := &memory{fail: store.ErrUnavailable}, fakeQueue{size: queue.Size{Events: 12, DeadLetters: 3}}
	full := &memory{fail: store.ErrOverloaded}
	for _, row := range []struct {
		example, request, path string
		store                  *memory // default: a store that got the event twice
		change                 func(*Options)
		body                   string
		headers                []string
	}{
		{example: "duplicate", request: "POST /publish", body: one},
		{example: "receipt", request: "POST /publish", body: one, headers: []string{"Prefer", "return=representation"}},
		{example: "queued", request: "POST /publish", store: &memory{}, change: withQueue(waiting, false), body: one},
		{example: "long", request: "POST /publish", store: &memory{}, body: `{"payload":"` + strings.Repeat("x", 1<<20) + `"}`},
		{example: "invalid", request: "POST /publish", store: &memory{}, body: `{"topic":"t","event_id":7,"timestamp":"2025-12-19","payload":{}}`},
		{example: "none", request: "POST /publish", store: &memory{}, body: `[7]`},
		{example: "overloaded", request: "POST /publish", store: full, body: one},
		{example: "unavailable", request: "POST /publish", store: unavailable, body: one},
		{example: "partial", request: "POST /publish", store: unavailable, body: one, headers: lines},
		{example: "plain", request: "GET /stats"},
		{example: "queue", request: "GET /stats", store: &memory{}, change: withQueue(waiting, true)},
		{example: "plain", request: "GET /stats/topics"},
		{example: "plain", request: "GET /stats/series"},
		{example: "plain", request: "GET /duplicates"},
		{example: "plain", request: "GET /events"},
		{example: "query", request: "GET /events?topic=%", path: "/events"},
		{example: "limit", request: "GET /events?limit=0", path: "/events"},
		{example: "cursor", request: "GET /events?cursor=" + cursorAt(1000), path: "/events"},
		{example: "unavailable", request: "GET /events", store: unavailable},
		{example: "failed", request: "GET /events", store: &memory{fail: errors.New("unknown")}},
		{example: "failed", request: "GET /events/stream", store: &memory{fail: errors.New("unknown")}},
		{example: "plain", request: "GET /events/user_login/5f1c", path: "/events/{topic}/{event_id}"},
		{example: "absent", request: "GET /events/user_login/6", path: "/events/{topic}/{event_id}"},
		{example: "alive", request: "GET /healthz", store: &memory{}, change: func(o *Options) { o.Version = "1.2.3" }},
		{example: "ready", request: "GET /readyz", store: &memory{}},
		{example: "degraded", request: "GET /readyz", store: unavailable, change: withQueue(waiting, true)},
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
					send(s, http.MethodPost, "/publish", one)
				}
			}
			method, target, _ := strings.Cut(row.request, " ")
			wantExample(t, send(s, method, target, row.body, row.headers...), cmp.Or(row.path, target), row.example)
		})
	}
}

// TestOpenAPI_SchemaAcceptsEveryValidEvent checks that a client which validates with
// the document can send every event that the server accepts.
func TestOpenAPI_SchemaAcceptsEveryValidEvent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := eventtest.Events().Draw(t, "event")
		if err := contract.Fits("Event", string(codec.Append(nil, e))); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDocs_LoadNothingFromOtherServers(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	page := send(s, http.MethodGet, "/docs", "")
	if policy := page.Header().Get("Content-Security-Policy"); page.Code != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
		t.Errorf("got %d, policy %q", page.Code, policy)
	}
	parts := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(parts) < 4 {
		t.Fatalf("parts are %v", parts)
	}
	for _, part := range parts {
		if strings.HasPrefix(part[1], "data:") {
			continue
		}
		plain, compressed := send(s, http.MethodGet, "/"+part[1], ""), send(s, http.MethodGet, "/"+part[1], "", "Accept-Encoding", "br, gzip;q=0.5")
		if plain.Code != http.StatusOK || plain.Header().Get("Content-Encoding") != "" || plain.Body.Len() == 0 {
			t.Errorf("%s: %d %v", part[1], plain.Code, plain.Header())
		}
		if compressed.Header().Get("Content-Encoding") == "" {
			continue
		}
		reader, err := gzip.NewReader(compressed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(reader); err != nil || !bytes.Equal(text, plain.Body.Bytes()) {
			t.Errorf("%s differs when it is compressed: %v", part[1], err)
		}
	}
	if none := send(s, http.MethodGet, "/docs/swagger-ui.js", ""); none.Code != http.StatusNotFound {
		t.Errorf("a file of Swagger UI that the page does not need: %d", none.Code)
	}
}

func TestDocs_AreCachedByETag(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	for _, path := range []string{"/openapi.json", "/docs", "/docs/docs.js", "/docs/swagger-ui.css"} {
		first := send(s, http.MethodGet, path, "", "Accept-Encoding", "gzip")
		tag := first.Header().Get("ETag")
		for sent, want := range map[string]int{tag: 304, `"x", W/` + tag: 304, "*": 200, `"x"`: 200} {
			again := send(s, http.MethodGet, path, "", "Accept-Encoding", "gzip", "If-None-Match", sent)
			if again.Code != want || again.Header().Get("ETag") != tag {
				t.Errorf("%s, If-None-Match %s: %d with %s", path, sent, again.Code, again.Header().Get("ETag"))
			}
		}
		if other := send(s, http.MethodGet, path, ""); first.Header().Get("Content-Encoding") != "" && other.Header().Get("ETag") == tag {
			t.Errorf("%s has the same ETag with and without compression", path)
		}
	}
}

// TestDocs_ShowGuides requests the guides and the files that they load.
func TestDocs_ShowGuides(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	for path, want := range map[string]int{
		"/docs/": 200, "/docs/guides/guarantees": 200, "/docs/guides/style.css": 200, "/docs/guides/search.js": 200,
		"/docs/guides/index.json": 200, "/docs/guides/decisions/0001-group-commit": 200,
		"/docs/guides/nothing": 404, "/docs/guides/decisions/0000-nothing": 404, "/docs/guides/": 404, "/docs/guides/guarantees.md": 404,
	} {
		first := send(s, http.MethodGet, path, "")
		if first.Code != want {
			t.Errorf("%s: status %d, want %d", path, first.Code, want)
		}
		if want != http.StatusOK {
			continue
		}
		if policy := first.Header().Get("Content-Security-Policy"); policy != guide.ContentSecurityPolicy {
			t.Errorf("%s: policy %q", path, policy)
		}
		if again := send(s, http.MethodGet, path, "", "If-None-Match", first.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: status %d for unchanged content", path, again.Code)
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

// discarding is a response that keeps nothing of the body.
type discarding struct{ header http.Header }

func (d discarding) Header() http.Header         { return d.header }
func (d discarding) WriteHeader(int)             {}
func (d discarding) Write(p []byte) (int, error) { return len(p), nil }

// TestDocs_AreUnpackedOnce: the script of 1.4 MB was unpacked and hashed for each
// request.
func TestDocs_AreUnpackedOnce(t *testing.T) { //nolint:paralleltest // it counts allocations
	s := serverWith(&memory{})
	for _, path := range []string{"/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/openapi.json", "/docs"} {
		request := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		get := func() { s.Handler().ServeHTTP(discarding{http.Header{}}, request) }
		get()
		const requests = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			get()
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / requests; each > 20<<10 {
			t.Errorf("%s: a request allocates %d bytes", path, each)
		}
	}
}
