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
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

const goodEvent = `{"topic":"t","event_id":"e","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{"k":1.50}}`

func TestPublish(t *testing.T) {
	t.Parallel()
	long := strings.Replace(goodEvent, `"k":1.50`, `"k":"`+strings.Repeat("x", 2000)+`"`, 1)
	for name, row := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string // a part of the answer
	}{
		"an event is stored":                    {goodEvent, nil, 200, `{"status":"success","message":"event stored","topic":"t","event_id":"e"}`},
		"a missing Content-Type means JSON":     {goodEvent, nil, 200, `success`},
		"JSON":                                  {goodEvent, []string{"Content-Type", "application/json"}, 200, `success`},
		"JSON with a charset":                   {goodEvent, []string{"Content-Type", "Application/JSON; charset=UTF-8"}, 200, `success`},
		"identity is no encoding":               {goodEvent, []string{"Content-Encoding", "identity"}, 200, `success`},
		"white space around the object":         {"\r\n " + goodEvent + "\n", nil, 200, `success`},
		"another charset is refused":            {goodEvent, []string{"Content-Type", "application/json; charset=latin1"}, 415, `UTF-8`},
		"a form is refused":                     {goodEvent, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, `Content-Type: application/json`},
		"a broken Content-Type is refused":      {goodEvent, []string{"Content-Type", "application/json;;="}, 415, `application/json`},
		"an empty body is invalid":              {"", nil, 422, `is empty`},
		"white space only is invalid":           {" \n", nil, 422, `"field":"body"`},
		"broken JSON is invalid":                {`{"topic":`, nil, 422, `"field":"body"`},
		"text after the object is invalid":      {goodEvent + goodEvent, nil, 422, `"field":"body"`},
		"a string is invalid":                   {`"event"`, nil, 422, `must be a JSON object`},
		"an event beyond its limit":             {long, nil, 413, `The event is longer than the limit of 1000 bytes`},
		"a body beyond the limit":               {strings.Repeat(" ", 3000) + goodEvent, nil, 413, `The body is longer than the limit of 3000 bytes`},
		"a coding that nobody knows is refused": {goodEvent, []string{"Content-Encoding", "br"}, 415, `gzip or zstd`},
		"two codings are refused":               {goodEvent, []string{"Content-Encoding", "gzip, zstd"}, 415, `gzip or zstd`},
		"what is not gzip is refused":           {goodEvent, []string{"Content-Encoding", "gzip"}, 422, `Content-Encoding`},
		"what is not zstd is refused":           {goodEvent, []string{"Content-Encoding", "zstd"}, 422, `Content-Encoding`},
		"CloudEvents in XML are refused":        {goodEvent, []string{"Content-Type", "application/cloudevents+xml"}, 415, `application/cloudevents+json`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, func(o *Options) { o.MaxEventBytes, o.MaxBodyBytes = 1000, 3000 })
			answer := ask(s, "POST", "/publish", row.body, row.headers...)
			if answer.Code != row.status || !strings.Contains(answer.Body.String(), row.want) {
				t.Errorf("got %d %s\nwant %d with %s", answer.Code, answer.Body, row.status, row.want)
			}
			checkProblem(t, answer.Code, answer.Header(), answer.Body.Bytes())
		})
	}
}

// checkProblem checks that an answer has the form that its status asks for.
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

func TestPublishNamesEveryFault(t *testing.T) {
	t.Parallel()
	answer := ask(serverWith(&memory{}), "POST", "/publish", `{"topic":"","event_id":7,"timestamp":"noon","payload":[]}`)
	var problem api.Problem
	if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, fault := range problem.Errors {
		fields = append(fields, fault.Field)
	}
	slices.Sort(fields)
	want := []string{"event_id", "payload", "source", "timestamp", "topic"}
	if diff := cmp.Diff(want, fields); diff != "" || answer.Code != 422 {
		t.Errorf("status %d, fields (-want +got):\n%s", answer.Code, diff)
	}
}

func TestPublishTwiceIsIgnoredAndTheFirstPayloadStays(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	first := ask(s, "POST", "/publish", goodEvent)
	second := ask(s, "POST", "/publish", strings.Replace(goodEvent, "1.50", "2", 1))
	if !strings.Contains(first.Body.String(), `"success"`) || !strings.Contains(second.Body.String(), `"ignored"`) || second.Code != 200 {
		t.Errorf("first %s, second %d %s", first.Body, second.Code, second.Body)
	}
	if got := ask(s, "GET", "/events/t/e", "").Body.String(); !strings.Contains(got, `"payload":{"k":1.50}`) {
		t.Errorf("stored %s", got)
	}
}

func TestPublishErrorsOfTheStore(t *testing.T) {
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
		"overloaded, with no wait at all": {&memory{fail: &store.RetryError{Err: store.ErrOverloaded}}, 503, "1", api.ProblemOverloaded},
		"unavailable":                     {&memory{fail: fmt.Errorf("%s: %w", secret, store.ErrUnavailable)}, 503, "1", api.ProblemUnavailable},
		"closed":                          {&memory{fail: store.ErrClosed}, 503, "1", api.ProblemUnavailable},
		"too slow":                        {&memory{fail: fmt.Errorf("%s: %w", secret, errDeadline())}, 503, "1", api.ProblemUnavailable},
		"refused by the database":         {&memory{fail: store.ErrRejected}, 422, "", api.ProblemBlank},
		"rejected alone":                  {&memory{outcome: event.Rejected}, 422, "", api.ProblemBlank},
		"an unknown error":                {&memory{fail: fmt.Errorf("%s", secret)}, 500, "", api.ProblemBlank},
		"a panic":                         {&memory{explode: secret}, 500, "", api.ProblemBlank},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(serverWith(row.store), "POST", "/publish", goodEvent)
			if answer.Code != row.status || answer.Header().Get("Retry-After") != row.again {
				t.Errorf("got %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
			}
			if !strings.Contains(answer.Body.String(), `"type":"`+row.kind+`"`) || strings.Contains(answer.Body.String(), "SELECT") {
				t.Errorf("answer %s", answer.Body)
			}
			checkProblem(t, answer.Code, answer.Header(), answer.Body.Bytes())
		})
	}
}

func TestOnlyAPublisherIsLeftInDoubt(t *testing.T) {
	t.Parallel()
	for _, fail := range []error{store.ErrUnavailable, store.ErrClosed, errDeadline()} {
		s := serverWith(&memory{fail: fail})
		for target, want := range map[string]bool{
			"POST /publish": true, "GET /stats": false, "GET /stats/topics": false, "GET /events": false, "GET /events/t/e": false,
		} {
			method, path, _ := strings.Cut(target, " ")
			answer := ask(s, method, path, goodEvent)
			if got := strings.Contains(answer.Body.String(), "The outcome is unknown"); answer.Code != 503 || got != want {
				t.Errorf("%s: %v: got %d %s", target, fail, answer.Code, answer.Body)
			}
		}
	}
}

// exchange writes raw bytes to a server and returns its answer.
func exchange(t *testing.T, address, request string, end bool) (int, http.Header, string) {
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
			t.Fatalf("%T is no TCP connection", conn)
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

func TestPublishOverTheWire(t *testing.T) {
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
		"chunks beyond the limit":                 {head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n", false, 413},
		"a promise beyond the limit":              {head + "Content-Length: 1001\r\n\r\n", false, 413},
		"a body that stops arriving":              {head + "Content-Length: 100\r\n\r\n{", false, 408},
		"a body that ends early":                  {head + "Content-Length: 100\r\n\r\n{", true, 400},
		"broken chunks":                           {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, 400},
		"a client that only waits for the answer": {head + "Content-Length: 2\r\n\r\n{}", false, 422},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, header, body := exchange(t, address, row.request, row.end)
			if status != row.status {
				t.Errorf("got %d %s, want %d", status, body, row.status)
			}
			checkProblem(t, status, header, []byte(body))
		})
	}
}

func TestPublishTellsTheLengthOfEveryAnswer(t *testing.T) {
	t.Parallel()
	address := listen(t, serverWith(&memory{}))
	for _, id := range []string{"short", "x" + strings.Repeat(`\u2028`, 170), strings.Repeat(`<`, 512)} {
		body := strings.Replace(goodEvent, `"e"`, `"`+id+`"`, 1)
		response, err := newHTTP(t).Post("http://"+address+"/publish", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var answer api.Published
		err = json.NewDecoder(response.Body).Decode(&answer)
		_ = response.Body.Close()
		if err != nil || response.ContentLength <= 0 || answer.Status != "success" {
			t.Errorf("length %d, %+v, %v", response.ContentLength, answer, err)
		}
	}
}

// The rate of POST /publish against GET /healthz is what the cost of the
// handler shows in; scripts/bench measures it over real connections.
func BenchmarkHandler(b *testing.B) {
	s := serverWith(&memory{outcome: event.Stored})
	for name, target := range map[string][2]string{"publish": {"POST", "/publish"}, "healthz": {"GET", "/healthz"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if answer := ask(s, target[0], target[1], goodEvent); answer.Code != 200 {
					b.Fatal(answer.Body)
				}
			}
		})
	}
}
