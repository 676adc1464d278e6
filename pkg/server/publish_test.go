package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

const goodEvent = `{"topic":"t","event_id":"e","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{"k":1.50}}`

func TestPublish_Responses(t *testing.T) {
	t.Parallel()
	long := strings.Replace(goodEvent, `"k":1.50`, `"k":"`+strings.Repeat("x", 2000)+`"`, 1)
	for name, row := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string // a part of the response
	}{
		"an event is stored":                  {goodEvent, nil, 200, `{"status":"success","message":"event stored","topic":"t","event_id":"e"}`},
		"a missing Content-Type means JSON":   {goodEvent, nil, 200, `success`},
		"JSON":                                {goodEvent, []string{"Content-Type", "application/json"}, 200, `success`},
		"JSON with a charset":                 {goodEvent, []string{"Content-Type", "Application/JSON; charset=UTF-8"}, 200, `success`},
		"identity is accepted":                {goodEvent, []string{"Content-Encoding", "identity"}, 200, `success`},
		"white space around the object":       {"\r\n " + goodEvent + "\n", nil, 200, `success`},
		"another charset is rejected":         {goodEvent, []string{"Content-Type", "application/json; charset=latin1"}, 415, `UTF-8`},
		"a form is rejected":                  {goodEvent, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, `Content-Type: application/json`},
		"an invalid Content-Type is rejected": {goodEvent, []string{"Content-Type", "application/json;;="}, 415, `application/json`},
		"an empty body is invalid":            {"", nil, 422, `is empty`},
		"white space only is invalid":         {" \n", nil, 422, `"field":"body"`},
		"invalid JSON":                        {`{"topic":`, nil, 422, `"field":"body"`},
		"text after the object is invalid":    {goodEvent + goodEvent, nil, 422, `"field":"body"`},
		"a string is invalid":                 {`"event"`, nil, 422, `must be a JSON object`},
		"an event above its limit":            {long, nil, 413, `The event is longer than the limit of 1000 bytes`},
		"a body above the limit":              {strings.Repeat(" ", 3000) + goodEvent, nil, 413, `The body is longer than the limit of 3000 bytes`},
		"an unknown coding is rejected":       {goodEvent, []string{"Content-Encoding", "br"}, 415, `gzip, zstd or deflate`},
		"two codings are rejected":            {goodEvent, []string{"Content-Encoding", "gzip, zstd"}, 415, `gzip, zstd or deflate`},
		"text declared as gzip is invalid":    {goodEvent, []string{"Content-Encoding", "gzip"}, 422, `Content-Encoding`},
		"text declared as zstd is invalid":    {goodEvent, []string{"Content-Encoding", "zstd"}, 422, `Content-Encoding`},
		"CloudEvents in XML are rejected":     {goodEvent, []string{"Content-Type", "application/cloudevents+xml"}, 415, `application/cloudevents+json`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, func(o *Options) { o.MaxEventBytes, o.MaxBodyBytes = 1000, 3000 })
			response := send(s, "POST", "/publish", row.body, row.headers...)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) {
				t.Errorf("got %d %s\nwant %d with %s", response.Code, response.Body, row.status, row.want)
			}
			checkProblem(t, response.Code, response.Header(), response.Body.Bytes())
		})
	}
}

// checkProblem checks that a response has the form of its status.
func checkProblem(t *testing.T, status int, header http.Header, body []byte) {
	t.Helper()
	if status < 400 {
		if got := header.Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type %q", got)
		}
		return
	}
	var problem api.Problem
	if err := json.Unmarshal(body, &problem); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if problem.Status != status || problem.Title == "" || problem.Type == "" || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("not a problem for status %d: %+v, %v", status, problem, header)
	}
	if again := header.Get("Retry-After"); (status == 503) != (again != "") {
		t.Errorf("status %d with Retry-After %q", status, again)
	}
}

func TestPublish_ListsEveryError(t *testing.T) {
	t.Parallel()
	response := send(serverWith(&memory{}), "POST", "/publish", `{"topic":"","event_id":7,"timestamp":"noon","payload":[]}`)
	var problem api.Problem
	if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, invalid := range problem.Errors {
		fields = append(fields, invalid.Field)
	}
	slices.Sort(fields)
	want := []string{"event_id", "payload", "source", "timestamp", "topic"}
	if diff := cmp.Diff(want, fields); diff != "" || response.Code != 422 {
		t.Errorf("status %d, fields (-want +got):\n%s", response.Code, diff)
	}
}

func TestPublish_DuplicateIsIgnored(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	first := send(s, "POST", "/publish", goodEvent)
	second := send(s, "POST", "/publish", strings.Replace(goodEvent, "1.50", "2", 1))
	if !strings.Contains(first.Body.String(), `"success"`) || !strings.Contains(second.Body.String(), `"ignored"`) || second.Code != 200 {
		t.Errorf("first %s, second %d %s", first.Body, second.Code, second.Body)
	}
	if got := send(s, "GET", "/events/t/e", "").Body.String(); !strings.Contains(got, `"payload":{"k":1.50}`) {
		t.Errorf("stored %s", got)
	}
}

func TestPublish_StoreErrors(t *testing.T) {
	t.Parallel()
	secret := "host=10.0.0.7 user=postgres SELECT topic FROM events"
	for name, row := range map[string]struct {
		store  *memory
		status int
		again  string
		kind   string
	}{
		"overloaded, with the wait rounded up": {
			&memory{fail: &store.RetryError{Err: fmt.Errorf("%s: %w", secret, store.ErrOverloaded), After: 2100 * time.Millisecond}},
			503, "3", api.ProblemOverloaded,
		},
		"overloaded, without a wait": {&memory{fail: &store.RetryError{Err: store.ErrOverloaded}}, 503, "1", api.ProblemOverloaded},
		"unavailable":                {&memory{fail: fmt.Errorf("%s: %w", secret, store.ErrUnavailable)}, 503, "1", api.ProblemUnavailable},
		"closed":                     {&memory{fail: store.ErrClosed}, 503, "1", api.ProblemUnavailable},
		"too slow":                   {&memory{fail: fmt.Errorf("%s: %w", secret, errDeadline())}, 503, "1", api.ProblemUnavailable},
		"rejected by the database":   {&memory{fail: store.ErrRejected}, 422, "", api.ProblemBlank},
		"a rejected outcome":         {&memory{outcome: event.Rejected}, 422, "", api.ProblemBlank},
		"an unknown error":           {&memory{fail: fmt.Errorf("%s", secret)}, 500, "", api.ProblemBlank},
		"a panic":                    {&memory{panicWith: secret}, 500, "", api.ProblemBlank},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := send(serverWith(row.store), "POST", "/publish", goodEvent)
			if response.Code != row.status || response.Header().Get("Retry-After") != row.again {
				t.Errorf("got %d, Retry-After %q", response.Code, response.Header().Get("Retry-After"))
			}
			if !strings.Contains(response.Body.String(), `"type":"`+row.kind+`"`) || strings.Contains(response.Body.String(), "SELECT") {
				t.Errorf("got %s", response.Body)
			}
			checkProblem(t, response.Code, response.Header(), response.Body.Bytes())
		})
	}
}

func TestProblem_OutcomeIsUnknownForPublishOnly(t *testing.T) {
	t.Parallel()
	for _, fail := range []error{store.ErrUnavailable, store.ErrClosed, errDeadline()} {
		s := serverWith(&memory{fail: fail})
		for target, want := range map[string]bool{
			"POST /publish": true, "GET /stats": false, "GET /stats/topics": false, "GET /events": false, "GET /events/t/e": false,
		} {
			method, path, _ := strings.Cut(target, " ")
			response := send(s, method, path, goodEvent)
			if got := strings.Contains(response.Body.String(), "The outcome is unknown"); response.Code != 503 || got != want {
				t.Errorf("%s: %v: got %d %s", target, fail, response.Code, response.Body)
			}
		}
	}
}

// roundTrip writes raw bytes to a server and returns its response.
func roundTrip(t *testing.T, address, request string, end bool) (int, http.Header, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if end {
		half, ok := conn.(*net.TCPConn)
		if !ok {
			t.Fatalf("%T is not a TCP connection", conn)
		}
		if err := half.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

func TestPublish_RawRequests(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{}, func(o *Options) { o.MaxEventBytes, o.MaxBodyBytes = 1000, 1000; o.ReadTimeout = 300 * time.Millisecond })
	address := listen(t, s)
	const head = "POST /publish HTTP/1.1\r\nHost: x\r\n"
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 600, strings.Repeat("x", 600))
	for name, row := range map[string]struct {
		request string
		end     bool
		status  int
	}{
		"a chunked event":                         {head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(goodEvent), goodEvent), false, 200},
		"chunks above the limit":                  {head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n", false, 413},
		"a declared length above the limit":       {head + "Content-Length: 1001\r\n\r\n", false, 413},
		"a body that stops arriving":              {head + "Content-Length: 100\r\n\r\n{", false, 408},
		"a body that ends early":                  {head + "Content-Length: 100\r\n\r\n{", true, 400},
		"invalid chunks":                          {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, 400},
		"a client that keeps the connection open": {head + "Content-Length: 2\r\n\r\n{}", false, 422},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, header, body := roundTrip(t, address, row.request, row.end)
			if status != row.status {
				t.Errorf("got %d %s, want %d", status, body, row.status)
			}
			checkProblem(t, status, header, []byte(body))
		})
	}
}

func TestPublish_ResponseHasContentLength(t *testing.T) {
	t.Parallel()
	address := listen(t, serverWith(&memory{}))
	for _, id := range []string{"short", "x" + strings.Repeat(`\u2028`, 170), strings.Repeat(`<`, 512)} {
		body := strings.Replace(goodEvent, `"e"`, `"`+id+`"`, 1)
		response, err := newHTTP(t).Post("http://"+address+"/publish", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var published api.Published
		err = json.NewDecoder(response.Body).Decode(&published)
		_ = response.Body.Close()
		if err != nil || response.ContentLength <= 0 || published.Status != "success" {
			t.Errorf("length %d, %+v, %v", response.ContentLength, published, err)
		}
	}
}

// BenchmarkHandler compares POST /publish with and without a key, and GET /healthz. The
// difference to the latter is the cost of the publish handler; scripts/bench measures it
// over real connections.
func BenchmarkHandler(b *testing.B) {
	key := auth.NewKey()
	set, err := auth.NewSet([]auth.Entry{{ID: "bench", Scopes: auth.ScopePublish, Hashes: []auth.Hash{key.Hash()}}}, 0)
	if err != nil {
		b.Fatal(err)
	}
	open := serverWith(&memory{outcome: event.Stored})
	keyed := serverWith(&memory{outcome: event.Stored}, func(o *Options) { o.Keys = func() *auth.Set { return set } })
	for _, row := range []struct {
		name, method, path string
		server             *Server
		headers            []string
	}{
		{"publish", "POST", "/publish", open, nil},
		{"publish with a header that is not used", "POST", "/publish", open, []string{"Authorization", bearer(key)}},
		{"publish with a key", "POST", "/publish", keyed, []string{"Authorization", bearer(key)}},
		{"healthz", "GET", "/healthz", open, nil},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if response := send(row.server, row.method, row.path, goodEvent, row.headers...); response.Code != 200 {
					b.Fatal(response.Body)
				}
			}
		})
	}
}
