package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// callbacks records the calls of a server's callbacks.
type callbacks struct {
	mu       sync.Mutex
	requests []Request
	events   event.Tally
}

// record is an option that sets the callbacks.
func (h *callbacks) record(o *Options) {
	o.OnRequest = func(r Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.requests = append(h.requests, r)
	}
	o.OnEvents = func(_ string, more event.Tally) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = h.events.Add(more)
	}
}

func TestOnEvents_Outcomes(t *testing.T) {
	t.Parallel()
	a, b := eventWith("a"), eventWith("b")
	lines := a + "\n" + badEvent + "\n" + b + "\n" + a + "\n" + badEvent
	for name, row := range map[string]struct {
		body, kind string
		outcome    event.Outcome
		want       event.Tally
	}{
		"a new event":                        {a, api.TypeJSON, 0, event.Tally{Stored: 1}},
		"a queued event":                     {a, api.TypeJSON, event.Queued, event.Tally{Queued: 1}},
		"an event that the database rejects": {a, api.TypeJSON, event.Rejected, event.Tally{Rejected: 1}},
		"an invalid event":                   {badEvent, api.TypeJSON, 0, event.Tally{Invalid: 1}},
		"invalid JSON":                       {"hello", api.TypeJSON, 0, event.Tally{Invalid: 1}},
		"an array":                           {"[" + a + "," + badEvent + "," + b + "," + a + "]", api.TypeJSON, 0, event.Tally{Stored: 2, Duplicate: 1, Invalid: 1}},
		"a queued array":                     {"[" + a + "," + b + "]", api.TypeJSON, event.Queued, event.Tally{Queued: 2}},
		"a rejected array":                   {"[" + a + "," + badEvent + "]", api.TypeJSON, event.Rejected, event.Tally{Invalid: 1, Rejected: 1}},
		"an empty array":                     {"[]", api.TypeJSON, 0, event.Tally{}},
		"lines":                              {lines, api.TypeLines, 0, event.Tally{Stored: 2, Duplicate: 1, Invalid: 2}},
		"rejected lines":                     {a + "\n" + b, api.TypeLines, event.Rejected, event.Tally{Rejected: 2}},
		"lines of invalid JSON":              {"x\ny", api.TypeLines, 0, event.Tally{Invalid: 2}},
		"an unknown media type":              {a, "text/html", 0, event.Tally{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h callbacks
			send(serverWith(&memory{outcome: row.outcome}, h.record), "POST", "/publish", row.body, "Content-Type", row.kind)
			if h.events != row.want {
				t.Errorf("reported %+v, want %+v", h.events, row.want)
			}
		})
	}
	t.Run("a duplicate", func(t *testing.T) {
		t.Parallel()
		var h callbacks
		s := serverWith(&memory{}, h.record)
		send(s, "POST", "/publish", a)
		send(s, "POST", "/publish", a)
		if want := (event.Tally{Stored: 1, Duplicate: 1}); h.events != want {
			t.Errorf("reported %+v, want %+v", h.events, want)
		}
	})
	t.Run("nothing while the store is unavailable", func(t *testing.T) {
		t.Parallel()
		var h callbacks
		s := serverWith(&memory{fail: store.ErrUnavailable}, h.record)
		send(s, "POST", "/publish", a)
		send(s, "POST", "/publish", "["+a+","+badEvent+"]")
		if h.events != (event.Tally{}) || len(h.requests) != 2 {
			t.Errorf("reported %+v for %d requests", h.events, len(h.requests))
		}
	})
}

func TestOnRequest_RouteAndStatus(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		method, target, body, kind string
		fail                       error
		want                       Request
	}{
		"a publish":         {"POST", "/publish", goodEvent, "", nil, Request{Route: "/publish", Method: "POST", Code: 200}},
		"lines":             {"POST", "/publish", goodEvent, api.TypeLines, nil, Request{Route: "/publish", Method: "POST", Code: 200, Stream: true}},
		"an event":          {"GET", "/events/t/e", "", "", nil, Request{Route: "/events/:topic/:event_id", Method: "GET", Code: 404}},
		"an unknown path":   {"GET", "/path/of/a/client", "", "", nil, Request{Route: "unknown", Method: "GET", Code: 404}},
		"an unknown method": {"DELETE", "/stats", "", "", nil, Request{Route: "/stats", Method: "DELETE", Code: 405}},
		"an invalid stream": {"GET", "/events/stream?limit=x", "", "", nil, Request{Route: "/events/stream", Method: "GET", Code: 422}},
		"an outage":         {"POST", "/publish", goodEvent, "", store.ErrUnavailable, Request{Route: "/publish", Method: "POST", Code: 503}},
		"a server error":    {"POST", "/publish", goodEvent, "", errors.New("broken"), Request{Route: "/publish", Method: "POST", Code: 500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h callbacks
			var fail error
			if row.fail != nil {
				fail = fmt.Errorf("append: %w", row.fail)
			}
			send(serverWith(&memory{fail: fail}, h.record), row.method, row.target, row.body, "Content-Type", row.kind)
			if len(h.requests) != 1 || h.requests[0] != row.want {
				t.Errorf("reported %+v, want %+v", h.requests, row.want)
			}
		})
	}
}

func TestOnRequest_Duration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h callbacks
		m := &memory{hold: make(chan struct{})}
		s := serverWith(m, h.record, func(o *Options) { o.Now = time.Now })
		time.AfterFunc(3*time.Second, func() { close(m.hold) })
		send(s, "POST", "/publish", goodEvent)
		if len(h.requests) != 1 || h.requests[0].Took != 3*time.Second {
			t.Errorf("reported %+v", h.requests)
		}
	})
}

// TestOnRequest_MarksStreams opens a stream and ends it. The follower is counted
// meanwhile.
func TestOnRequest_MarksStreams(t *testing.T) {
	t.Parallel()
	var h callbacks
	s := serverWith(&memory{}, h.record)
	openStream(t, listen(t, s), "")
	if n := s.Followers(); n != 1 {
		t.Errorf("%d followers, want 1", n)
	}
	if err := s.Shutdown(t.Context()); err != nil { // ends the stream and waits
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.requests) != 1 || !h.requests[0].Stream || h.requests[0].Route != "/events/stream" || h.requests[0].Code != 200 {
		t.Errorf("reported %+v", h.requests)
	}
}

func TestMetrics_Route(t *testing.T) {
	t.Parallel()
	metrics := func(o *Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = w.Write([]byte("up 1\n"))
		})
	}
	for name, row := range map[string]struct {
		options []func(*Options)
		method  string
		status  int
		want    string
	}{
		"with metrics":        {[]func(*Options){metrics}, "GET", 200, "up 1\n"},
		"without metrics":     {nil, "GET", 404, "404"},
		"POST is not allowed": {[]func(*Options){metrics}, "POST", 405, "405"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := send(serverWith(&memory{}, row.options...), row.method, api.PathMetrics, "")
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) {
				t.Errorf("got %d %s", response.Code, response.Body)
			}
		})
	}
}

// TestCheckStore_SharesResultWithReadyz checks often and expects one ping.
func TestCheckStore_SharesResultWithReadyz(t *testing.T) {
	t.Parallel()
	m := &memory{fail: store.ErrUnavailable}
	s := serverWith(m, withQueue(fakeQueue{}, true))
	send(s, "GET", "/readyz", "")
	for range 10 {
		if err := s.CheckStore(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("CheckStore: %v", err)
		}
		if err := s.CheckQueue(t.Context()); err != nil {
			t.Errorf("CheckQueue: %v", err)
		}
	}
	if m.pings != 1 {
		t.Errorf("the store got %d pings, want 1", m.pings)
	}
	if err := serverWith(m).CheckQueue(t.Context()); err != nil {
		t.Errorf("CheckQueue without a queue: %v", err)
	}
}

func TestMetrics_ConcurrentScrapesAreLimited(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s := serverWith(&memory{}, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			entered <- struct{}{}
			<-leave
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "up 1\n")
		})
	})
	var scrapes sync.WaitGroup
	for range maxScrapes {
		scrapes.Go(func() { send(s, http.MethodGet, "/metrics", "") })
		<-entered
	}
	response := send(s, http.MethodGet, "/metrics", "")
	if response.Code != http.StatusServiceUnavailable || response.Header().Get("Retry-After") == "" || !strings.Contains(response.Body.String(), api.ProblemOverloaded) {
		t.Errorf("one more scrape got %d %s", response.Code, response.Body)
	}
	close(leave)
	scrapes.Wait()
	go func() { <-entered }()
	if response := send(s, http.MethodGet, "/metrics", ""); response.Code != http.StatusOK {
		t.Errorf("after the others: %d", response.Code)
	}
}
