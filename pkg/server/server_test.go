package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func errDeadline() error { return context.DeadlineExceeded }

func TestStats(t *testing.T) {
	t.Parallel()
	now := noon()
	s := serverWith(new(memory).fill(5).fill(2), func(o *Options) { o.Now = func() time.Time { return now } })
	now = now.Add(12_345 * time.Millisecond)
	want := `{"received":7,"unique_processed":5,"duplicate_dropped":2,"topics_active":2,"uptime_seconds":12.345}` + "\n"
	if got := ask(s, "GET", "/stats", "").Body.String(); got != want {
		t.Errorf("got %s", got)
	}
}

func TestTopicStats(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m)
	if got := ask(s, "GET", "/stats/topics", "").Body.String(); got != "[]\n" {
		t.Errorf("of nothing: %s", got)
	}
	m.fill(3).fill(1)
	var got []api.TopicStats
	if err := json.Unmarshal(ask(s, "GET", "/stats/topics", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []api.TopicStats{
		{Topic: "t1", Unique: 2, Duplicates: 1, FirstSeen: noon().Add(time.Second), LastSeen: noon().Add(3 * time.Second)},
		{Topic: "t0", Unique: 1, FirstSeen: noon().Add(2 * time.Second), LastSeen: noon().Add(2 * time.Second)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(1))
	for request, want := range map[string]struct {
		status int
		allow  string
	}{
		"GET /publish":         {405, "OPTIONS, POST"},
		"PUT /publish":         {405, "OPTIONS, POST"},
		"POST /stats":          {405, "OPTIONS, GET, HEAD"},
		"DELETE /events/t1/e1": {405, "OPTIONS, GET, HEAD"},
		"OPTIONS /publish":     {204, "OPTIONS, POST"},
		"OPTIONS /events":      {204, "OPTIONS, GET, HEAD"},
		"OPTIONS /nothing":     {404, ""},
		"HEAD /stats":          {200, ""},
		"HEAD /events":         {200, ""},
		"HEAD /events/t1/e1":   {200, ""},
		"HEAD /events/t1/e2":   {404, ""},
		"HEAD /readyz":         {200, ""},
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(request, " ")
			answer := ask(s, method, path, "")
			if answer.Code != want.status || answer.Header().Get("Allow") != want.allow {
				t.Errorf("got %d, Allow %q", answer.Code, answer.Header().Get("Allow"))
			}
			if method == "HEAD" && (answer.Body.Len() > 0 || answer.Header().Get("Content-Length") == "") {
				t.Errorf("HEAD has %d bytes, headers %v", answer.Body.Len(), answer.Header())
			}
			if answer.Code == 405 {
				checkProblem(t, answer.Code, answer.Header(), answer.Body.Bytes())
			}
		})
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	ready := func(change func(*Server, *memory)) string {
		m := &memory{}
		s := serverWith(m, func(o *Options) { o.Version = "1.2.3" })
		change(s, m)
		alive := ask(s, "GET", "/healthz", "")
		if alive.Code != 200 || alive.Body.String() != `{"status":"ok","version":"1.2.3"}`+"\n" {
			t.Errorf("healthz: %d %s", alive.Code, alive.Body)
		}
		answer, same := ask(s, "GET", "/readyz", ""), ask(s, "GET", "/health", "")
		if answer.Code != same.Code || answer.Body.String() != same.Body.String() {
			t.Errorf("readyz and health differ: %s, %s", answer.Body, same.Body)
		}
		if (answer.Code == 503) != (answer.Header().Get("Retry-After") == "1") {
			t.Errorf("%d with Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
		}
		return fmt.Sprint(answer.Code, " ", strings.TrimSpace(answer.Body.String()))
	}
	for name, row := range map[string]struct {
		change func(*Server, *memory)
		want   string
	}{
		"a new server is ready":            {func(*Server, *memory) {}, `200 {"status":"ok","checks":{"server":"ok","store":"ok"}}`},
		"one that still starts is not":     {func(s *Server, _ *memory) { s.SetReady(false) }, `503 {"status":"unavailable","checks":{"server":"starting","store":"ok"}}`},
		"one that has started is":          {func(s *Server, _ *memory) { s.SetReady(false); s.SetReady(true) }, `200 {"status":"ok","checks":{"server":"ok","store":"ok"}}`},
		"one that drains is not":           {func(s *Server, _ *memory) { s.Drain() }, `503 {"status":"unavailable","checks":{"server":"draining","store":"ok"}}`},
		"one without a store is not":       {func(_ *Server, m *memory) { m.fail = store.ErrUnavailable }, `503 {"status":"unavailable","checks":{"server":"ok","store":"unavailable"}}`},
		"both are named when both are bad": {func(s *Server, m *memory) { s.Drain(); m.fail = errors.New("SELECT 1") }, `503 {"status":"unavailable","checks":{"server":"draining","store":"unavailable"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ready(row.change); got != row.want {
				t.Errorf("got %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestProbesShareOnePing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pings := 0
		p := probe{now: time.Now, ping: func(ctx context.Context) error {
			pings++
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the bubble's clock, not the wall's
			return ctx.Err()
		}}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := p.check(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if pings != 1 {
			t.Errorf("%d pings for 50 probes at once", pings)
		}
		_ = p.check(t.Context())
		if pings != 1 {
			t.Error("asked again within a second")
		}
		time.Sleep(probeAge) //nolint:forbidigo // the bubble's clock
		_ = p.check(t.Context())
		if pings != 2 {
			t.Errorf("%d pings after a second", pings)
		}
	})
}

func TestProbeDoesNotWaitForAStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := probe{now: time.Now, ping: func(context.Context) error { <-release; return nil }}
		begin := time.Now()
		if err := p.check(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != probeTimeout {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		close(release)
		synctest.Wait()
		if err := p.check(t.Context()); err != nil {
			t.Errorf("after it came back: %v", err)
		}
	})
}

func TestProbeOfAClientThatLeavesAsksForTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := probe{now: time.Now, ping: func(ctx context.Context) error { return ctx.Err() }}
		gone, leave := context.WithCancel(t.Context())
		leave()
		_ = p.check(gone)
		synctest.Wait()
		if err := p.check(t.Context()); err != nil {
			t.Errorf("remembered the error of another's context: %v", err)
		}
	})
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	seen := map[string]bool{}
	for sent, kept := range map[string]bool{
		"": false, "abc-123": true, "a b": false, "tab\tbed": false, "ünï": false, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "\"<>": true,
	} {
		answer := ask(s, "GET", "/healthz", "", "X-Request-ID", sent)
		got := answer.Header().Get("X-Request-ID")
		if (got == sent) != kept || !saneID(got) || seen[got] {
			t.Errorf("sent %q, got %q", sent, got)
		}
		seen[got] = true
	}
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	const secret = "SECRET"
	for name, row := range map[string]struct {
		method, target, body string
		store                *memory
		want                 string
	}{
		"a publish":       {"POST", "/publish", strings.Replace(goodEvent, "1.50", `"SECRET"`, 1), &memory{}, "level=DEBUG msg=request method=POST route=/publish status=200 duration=0s bytes=73 request_id=id"},
		"a query":         {"GET", "/events?topic=SECRET", "", &memory{}, "level=DEBUG msg=request method=GET route=/events status=200 duration=0s bytes=3 request_id=id"},
		"an event":        {"GET", "/events/SECRET/x", "", &memory{}, "level=DEBUG msg=request method=GET route=/events/:topic/:event_id status=404"},
		"an unknown path": {"GET", "/SECRET", "", &memory{}, "level=DEBUG msg=request method=GET route=unknown status=404"},
		"a refused event": {"POST", "/publish", `{"topic":"SECRET"}`, &memory{}, "level=DEBUG msg=request method=POST route=/publish status=422"},
		"an outage":       {"POST", "/publish", goodEvent, &memory{fail: fmt.Errorf("dial: %w", store.ErrUnavailable)}, `level=WARN msg=request method=POST route=/publish status=503`},
		"a fault":         {"POST", "/publish", goodEvent, &memory{fail: errors.New("broken")}, `level=ERROR msg=request method=POST route=/publish status=500`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			ask(serverWith(row.store, logTo(&log)), row.method, row.target, row.body, "X-Request-ID", "id")
			if got := log.String(); !strings.Contains(got, row.want) || strings.Count(got, "\n") != 1 || strings.Contains(got, secret) {
				t.Errorf("got %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestPanicIsLoggedOnceWithItsStack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serverWith(&memory{explode: "boom"}, logTo(&log))
	if answer := ask(s, "POST", "/publish", goodEvent); answer.Code != 500 {
		t.Errorf("status %d", answer.Code)
	}
	got := log.String()
	if strings.Count(got, "msg=") != 1 || !strings.Contains(got, "handler panicked: boom") || !strings.Contains(got, "fake_test.go") {
		t.Errorf("log:\n%s", got)
	}
}

func TestOutagesWarnOnceASecond(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now := noon()
	s := serverWith(&memory{fail: store.ErrOverloaded}, logTo(&log), func(o *Options) { o.Now = func() time.Time { return now } })
	for range 3 {
		for range 10 {
			ask(s, "POST", "/publish", goodEvent)
		}
		now = now.Add(time.Second)
	}
	if got := strings.Count(log.String(), "level=WARN"); got != 3 {
		t.Errorf("%d warnings in 3 seconds", got)
	}
}

func TestReaderThatGoesAwayIsNoFault(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serverWith(&memory{fail: context.Canceled}, logTo(&log))
	gone, leave := context.WithCancel(t.Context())
	leave()
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(gone, "GET", "/stats", nil))
	if answer.Code != statusClientGone || !strings.Contains(log.String(), "level=DEBUG msg=request method=GET route=/stats status=499") {
		t.Errorf("status %d, log %s", answer.Code, &log)
	}
}

// TestPublisherThatClosesItsHalfIsAnswered has a client that closes its side of
// the connection after the request, which ends the request's context.
func TestPublisherThatClosesItsHalfIsAnswered(t *testing.T) {
	t.Parallel()
	address := listen(t, serverWith(&memory{}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(goodEvent), goodEvent)
	if half, ok := conn.(*net.TCPConn); !ok || errors.Join(err, half.CloseWrite()) != nil {
		t.Fatal("the request could not be sent")
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
		t.Errorf("answered %q, %v", answer, err)
	}
}

func TestSlowLorisIsCutOff(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{}, func(o *Options) { o.ReadHeaderTimeout = 200 * time.Millisecond; o.IdleTimeout = 200 * time.Millisecond })
	address := listen(t, s)
	for name, sent := range map[string]string{
		"in the head":          "POST /publish HTTP/1.1\r\nHost: x\r\nX-Slow",
		"before a first byte":  "",
		"between two requests": "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, sent)
			// Only the server can end this read before the deadline.
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(conn); err != nil && errors.Is(err, errTimeout()) {
				t.Errorf("still connected: %v", err)
			}
		})
	}
}

func errTimeout() error { return context.DeadlineExceeded } // net's own time-out error is this one too

func TestShutdownAnswersWhatWasAccepted(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	s := serverWith(m)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	address := "http://" + listener.Addr().String()
	client := newHTTP(t)

	entered := make(chan struct{})
	s.options.Appender = notify{m, entered}
	answered := make(chan string, 1)
	go func() {
		response, err := client.Post(address+"/publish", "", strings.NewReader(goodEvent))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		answered <- fmt.Sprint(response.StatusCode, " ", response.Close, " ", string(body))
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.WithoutCancel(t.Context())) }()
	if err := <-served; err != nil { // returns as soon as nothing more is accepted
		t.Errorf("serve: %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("still accepts connections")
	}
	close(m.hold)
	if got := <-answered; !strings.HasPrefix(got, `200 true {"status":"success"`) {
		t.Errorf("the request under way got %s", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// notify tells when an append begins.
type notify struct {
	*memory
	entered chan struct{}
}

func (n notify) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	close(n.entered)
	return n.memory.Append(ctx, events)
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	entered := make(chan struct{})
	s := serverWith(m, func(o *Options) { o.Appender = notify{m, entered} })
	address := listen(t, s)
	lost := make(chan error, 1)
	client := newHTTP(t)
	go func() {
		response, err := client.Post("http://"+address+"/publish", "", strings.NewReader(goodEvent))
		if err == nil {
			_ = response.Body.Close()
		}
		lost <- err
	}()
	<-entered
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(over); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-lost; err == nil {
		t.Error("the request was answered")
	}
	close(m.hold) // what waits for the appender is the appender's to end
}

func TestDrainAsksClientsToReconnect(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	address := listen(t, s)
	client := newHTTP(t)
	for _, draining := range []bool{false, true} {
		if draining {
			s.Drain()
		}
		response, err := client.Get("http://" + address + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.Close != draining || response.StatusCode != http.StatusOK {
			t.Errorf("draining %t: close %t, status %d", draining, response.Close, response.StatusCode)
		}
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := serverWith(&memory{}).Serve(listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
