package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server with that handler and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc, change ...func(*Options)) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL, change...)
}

func clientOf(t *testing.T, url string, change ...func(*Options)) *Client {
	t.Helper()
	options := Options{URL: url}
	for _, f := range change {
		f(&options)
	}
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func someEvent(id string) event.Event {
	return event.Event{
		Topic: "t", ID: id, Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC), Source: "s", Payload: `{"k":1.50}`,
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"no URL":                  {},
		"no URL at all":           {URL: "http://[::1"},
		"another scheme":          {URL: "ftp://host"},
		"no scheme":               {URL: "host:8000"},
		"no host":                 {URL: "http:///path"},
		"a password":              {URL: "http://user:SECRET@host"},
		"a query":                 {URL: "http://host?x=y"},
		"a fragment":              {URL: "http://host#x"},
		"a broken password":       {URL: "http://user:SECRET%zz@host"},
		"a header in the name":    {URL: "http://host", UserAgent: "x\r\nX-Evil: y"},
		"a line end in the URL":   {URL: "http://host/\r\nX-Evil: y"},
		"a space in the hostname": {URL: "http://ho st/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := New(options); err == nil || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAppendReadsAnswers(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status  int
		body    string
		headers []string
		want    event.Outcome
		err     error
		after   time.Duration
	}{
		"stored":                              {200, `{"status":"success","message":"…"}`, nil, event.Stored, nil, 0},
		"stored before":                       {200, `{"status":"ignored","message":"…"}`, nil, event.Duplicate, nil, 0},
		"members in another order":            {200, ` {"topic":"t", "status" : "ignored"}`, nil, event.Duplicate, nil, 0},
		"invalid":                             {422, `{}`, nil, event.Rejected, nil, 0},
		"too large":                           {413, ``, nil, event.Rejected, nil, 0},
		"overloaded":                          {503, `{"type":"` + api.ProblemOverloaded + `"}`, []string{"Retry-After", "3"}, 0, store.ErrOverloaded, 3 * time.Second},
		"unavailable":                         {503, `{"type":"` + api.ProblemUnavailable + `"}`, []string{"Retry-After", "1"}, 0, store.ErrUnavailable, time.Second},
		"a proxy's 503 without a body":        {503, ``, nil, 0, store.ErrUnavailable, 0},
		"a rate limit":                        {429, ``, []string{"Retry-After", "7"}, 0, store.ErrOverloaded, 7 * time.Second},
		"a proxy without a server":            {502, `<html>`, nil, 0, store.ErrUnavailable, 0},
		"a proxy that lost patience":          {504, ``, nil, 0, store.ErrUnavailable, 0},
		"a request that came too slowly":      {408, ``, nil, 0, store.ErrUnavailable, 0},
		"another program":                     {404, `not here`, nil, 0, store.ErrNotFound, 0},
		"another program that says yes":       {200, `hello`, nil, 0, errAnswer, 0},
		"a status that is none":               {200, `{"status":"maybe"}`, nil, 0, errAnswer, 0},
		"an empty answer that says yes":       {200, ``, nil, 0, errAnswer, 0},
		"an answer in chunks":                 {200, `{"status":"success","m":"` + strings.Repeat("x", 5000) + `"}`, []string{"Transfer-Encoding", "chunked"}, event.Stored, nil, 0},
		"an answer without end":               {200, `{"status":"success","m":"` + strings.Repeat("x", 100_000) + `"}`, nil, 0, store.ErrUnavailable, 0},
		"a fault of the server":               {500, `{"type":"about:blank","detail":"its log says more"}`, nil, 0, new(AnswerError), 0},
		"a redirect":                          {307, ``, []string{"Location", "http://127.0.0.1:1/"}, 0, new(AnswerError), 0},
		"accepted but not known to be stored": {202, `{"status":"queued"}`, nil, 0, new(AnswerError), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i < len(row.headers); i += 2 {
					w.Header().Set(row.headers[i], row.headers[i+1])
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			})
			outcomes, err := c.Append(t.Context(), []event.Event{someEvent("e")})
			if row.err == nil {
				if err != nil || len(outcomes) != 1 || outcomes[0] != row.want {
					t.Errorf("got %v, %v", outcomes, err)
				}
				return
			}
			if _, answered := errors.AsType[*AnswerError](row.err); answered {
				if got, ok := errors.AsType[*AnswerError](err); !ok || got.Status != row.status || store.Temporary(err) {
					t.Errorf("got %v", err)
				}
			} else if !errors.Is(err, row.err) {
				t.Errorf("got %v, want %v", err, row.err)
			}
			if got := store.RetryAfter(err, 0); got != row.after || outcomes != nil {
				t.Errorf("wait %v, outcomes %v", got, outcomes)
			}
		})
	}
}

func TestAppendSendsOneEventARequestInOrder(t *testing.T) {
	t.Parallel()
	var bodies []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), r.UserAgent(), body))
		_, _ = fmt.Fprintf(w, `{"status":"%s","message":""}`, map[bool]string{true: "success", false: "ignored"}[len(bodies)%2 == 1])
	}, func(o *Options) { o.UserAgent = "test/1"; o.URL += "/prefix/" })
	got, err := c.Append(t.Context(), []event.Event{someEvent("a"), someEvent("b"), someEvent("a")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]event.Outcome{event.Stored, event.Duplicate, event.Stored}, got); diff != "" {
		t.Error(diff)
	}
	const head = `POST /prefix/publish application/json test/1 {"topic":"t","event_id":"`
	const rest = `","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{"k":1.50}}`
	if diff := cmp.Diff([]string{head + "a" + rest, head + "b" + rest, head + "a" + rest}, bodies); diff != "" {
		t.Error(diff)
	}
	if got, err := c.Append(t.Context(), nil); err != nil || len(got) != 0 || len(bodies) != 3 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

func TestAppendOfSeveralFailsAsOne(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if count.Add(1) == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"status":"success"}`)
	})
	got, err := c.Append(t.Context(), []event.Event{someEvent("a"), someEvent("b"), someEvent("c")})
	if got != nil || !errors.Is(err, store.ErrUnavailable) || count.Load() != 2 {
		t.Errorf("got %v, %v after %d requests", got, err, count.Load())
	}
}

func TestAppendNeverSendsTwice(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) == 1 {
			_, _ = io.WriteString(w, `{"status":"success"}`)
			return
		}
		_, _ = io.ReadAll(r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close() // taken, perhaps stored, never answered
	})
	for i := range 3 {
		_, err := c.Append(t.Context(), []event.Event{someEvent("a")})
		if i > 0 && (!errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached)) {
			t.Errorf("attempt %d: %v", i, err)
		}
	}
	if count.Load() != 3 {
		t.Errorf("%d requests for 3 appends", count.Load())
	}
}

func TestAppendToNobody(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	c := clientOf(t, "http://"+listener.Addr().String())
	_, err = c.Append(t.Context(), []event.Event{someEvent("a")})
	var dial *net.OpError
	reason := "can't reach http://" + listener.Addr().String() + ": connection refused"
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) || !errors.As(err, &dial) || dial.Op != "dial" {
		t.Errorf("append: %v", err)
	}
	if err.Error() != "publish: "+reason {
		t.Errorf("append says %v", err)
	}
	if _, err = c.Stats(t.Context()); !errors.Is(err, store.ErrUnavailable) || !errors.As(err, &dial) || err.Error() != "read stats: "+reason {
		t.Errorf("stats: %v", err)
	}
	if err = c.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ready: %v", err)
	}
}

// connections counts those that a server has accepted.
func connections(t *testing.T, handler http.HandlerFunc) (address string, count *atomic.Int64) {
	t.Helper()
	count = new(atomic.Int64)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			count.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, count
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	address, count := connections(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, `{"status":"success"}`)
		case r.URL.Path == api.PathStats:
			_, _ = io.WriteString(w, `{}   `)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"detail":"no"}`)
		}
	})
	c := clientOf(t, address)
	for i := range 50 {
		_, err := c.Append(t.Context(), []event.Event{someEvent(fmt.Sprint(i))})
		_, errStats := c.Stats(t.Context())
		_, errEvent := c.Event(t.Context(), event.Key{Topic: "a", ID: "b"})
		if err != nil || errStats != nil || !errors.Is(errEvent, store.ErrNotFound) {
			t.Fatal(err, errStats, errEvent)
		}
	}
	if got := count.Load(); got != 2 { // one to publish, one to read
		t.Errorf("%d connections", got)
	}
}

func TestConnectionsThatTheServerGivesUpAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	address, count := connections(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, `{"status":"success"}`)
	})
	c := clientOf(t, address)
	for range 5 {
		if _, err := c.Append(t.Context(), []event.Event{someEvent("a")}); err != nil {
			t.Fatal(err)
		}
	}
	if got := count.Load(); got != 5 {
		t.Errorf("%d connections", got)
	}
}

func TestIdleConnectionsAreGivenUpInTime(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"success"}`) })
	if _, err := c.Append(t.Context(), []event.Event{someEvent("a")}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	conn := c.wire.take(now)
	if conn == nil {
		t.Fatal("the connection was not kept")
	}
	c.wire.put(conn)
	if c.wire.take(now.Add(time.Minute)) != nil || len(c.wire.idle) != 0 {
		t.Error("a connection of a minute ago is used")
	}
}

func TestAppendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 10), make(chan struct{})
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		entered <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if _, err := c.Append(ctx, []event.Event{someEvent("a")}); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := c.Append(ctx, []event.Event{someEvent("a")}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	late, cancelLate := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelLate()
	if _, err := c.Append(late, []event.Event{someEvent("a")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	if _, err := c.Stats(late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reading: %v", err)
	}
	if len(c.wire.idle) != 0 {
		t.Error("a connection whose answer is outstanding was kept")
	}
}

func TestTimeoutIsUnavailable(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := serve(t, func(http.ResponseWriter, *http.Request) { <-release }, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	t.Cleanup(func() { close(release) })
	if _, err := c.Append(t.Context(), []event.Event{someEvent("a")}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("append: %v", err)
	}
	if _, err := c.Stats(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("stats: %v", err)
	}
}

func TestLargeEventsAreRefusedWithTheAnswerRead(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) }) // the body is never read
	e := someEvent("a")
	e.Payload = `{"x":"` + strings.Repeat("y", 200_000) + `"}`
	if got, err := c.Append(t.Context(), []event.Event{e}); err != nil || got[0] != event.Rejected {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAppendChecksCertificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c := clientOf(t, server.URL)
	if _, err := c.Append(t.Context(), []event.Event{someEvent("a")}); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfterForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"0": 0, "5": 5 * time.Second, "99999999": maxRetryAfter,
		"Fri, 19 Dec 2025 12:00:30 GMT": 30 * time.Second,
		"Fri, 19 Dec 2025 11:00:00 GMT": 0,
		"":                              -1, "soon": -1, "-1": -1, "1.5": -1, "99999999999999999999": -1,
	} {
		got, ok := parseRetryAfter(text, now)
		if ok != (want >= 0) || (ok && got != want) {
			t.Errorf("%q: %v, %t", text, got, ok)
		}
	}
}

func TestBackoffGrowsWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		attempt := rapid.IntRange(0, 2000).Draw(t, "attempt")
		asked := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "asked"))
		chance := rapid.Float64Range(0, 0.999).Draw(t, "chance")
		got := backoff(attempt, asked, chance)
		if got < minBackoff || got < asked || got > max(maxBackoff, asked)*3/2 {
			t.Errorf("waits %v", got)
		}
		if again := backoff(attempt+1, asked, chance); again < got {
			t.Errorf("then %v", again)
		}
	})
}

func TestLostErrorSaysWhyInAFewWords(t *testing.T) {
	t.Parallel()
	unknown := &net.DNSError{Err: "no such host", Name: "h", Server: "192.0.2.53:53", IsNotFound: true}
	for name, row := range map[string]struct {
		reached bool
		err     error
		want    string
	}{
		"nobody listens":            {false, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "can't reach http://h: connection refused"},
		"a name that is not known":  {false, &net.OpError{Op: "dial", Err: unknown}, "can't reach http://h: no such host"},
		"a connection that is cut":  {true, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, "no answer from http://h: connection reset by peer"},
		"one that is closed":        {true, fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), "no answer from http://h: the connection was closed"},
		"a server that takes long":  {true, &url.Error{Op: "Get", URL: "http://h/stats", Err: context.DeadlineExceeded}, "no answer from http://h: timed out"},
		"what the library explains": {true, &url.Error{Op: "Get", URL: "http://h/stats", Err: errors.New("bad certificate")}, "no answer from http://h: bad certificate"},
		"anything else":             {false, errors.New("odd"), "can't reach http://h: odd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := &LostError{Server: "http://h", Reached: row.reached, Err: row.err}
			if err.Error() != row.want || !errors.Is(err, row.err) || !store.Temporary(err) || errors.Is(err, store.ErrNotReached) == row.reached {
				t.Errorf("%v, expected %s", err, row.want)
			}
		})
	}
}

func TestAnswerErrorNamesFaults(t *testing.T) {
	t.Parallel()
	err := answer{status: 422, body: []byte(`{"detail":"The query has invalid parameters.","errors":[{"field":"limit","message":"must be …"}]}`)}.err()
	const want = "server answered 422 Unprocessable Entity: The query has invalid parameters. [limit must be …]"
	if err.Error() != want {
		t.Errorf("got %q", err)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "", "Fri, 19 Dec 2025 12:00:30 GMT", "-5", "9e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if wait, _ := parseRetryAfter(text, time.Now()); wait < 0 || wait > maxRetryAfter {
			t.Errorf("%q: %v", text, wait)
		}
	})
}
