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

// heard is what a server's hooks were told.
type heard struct {
	mu       sync.Mutex
	requests []Request
	events   event.Tally
}

// hear is an option that listens.
func (h *heard) hear(o *Options) {
	o.OnRequest = func(r Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.requests = append(h.requests, r)
	}
	o.OnEvents = func(more event.Tally) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events.Stored += more.Stored
		h.events.Duplicate += more.Duplicate
		h.events.Queued += more.Queued
		h.events.Invalid += more.Invalid
		h.events.Rejected += more.Rejected
	}
}

func TestHooksHearWhatBecameOfEvents(t *testing.T) {
	t.Parallel()
	a, b := eventWith("a"), eventWith("b")
	lines := a + "\n" + badEvent + "\n" + b + "\n" + a + "\n" + badEvent
	for name, row := range map[string]struct {
		body, kind string
		outcome    event.Outcome
		want       event.Tally
	}{
		"one that is new":                  {a, api.TypeJSON, 0, event.Tally{Stored: 1}},
		"one that is queued":               {a, api.TypeJSON, event.Queued, event.Tally{Queued: 1}},
		"one that the database refuses":    {a, api.TypeJSON, event.Rejected, event.Tally{Rejected: 1}},
		"one that is invalid":              {badEvent, api.TypeJSON, 0, event.Tally{Invalid: 1}},
		"no event at all":                  {"hello", api.TypeJSON, 0, event.Tally{Invalid: 1}},
		"an array":                         {"[" + a + "," + badEvent + "," + b + "," + a + "]", api.TypeJSON, 0, event.Tally{Stored: 2, Duplicate: 1, Invalid: 1}},
		"an array that is queued":          {"[" + a + "," + b + "]", api.TypeJSON, event.Queued, event.Tally{Queued: 2}},
		"an array, refused":                {"[" + a + "," + badEvent + "]", api.TypeJSON, event.Rejected, event.Tally{Invalid: 1, Rejected: 1}},
		"an empty array":                   {"[]", api.TypeJSON, 0, event.Tally{}},
		"lines":                            {lines, api.TypeLines, 0, event.Tally{Stored: 2, Duplicate: 1, Invalid: 2}},
		"lines that the database refuses":  {a + "\n" + b, api.TypeLines, event.Rejected, event.Tally{Rejected: 2}},
		"lines of which none is an event":  {"x\ny", api.TypeLines, 0, event.Tally{Invalid: 2}},
		"a kind of body that is not known": {a, "text/html", 0, event.Tally{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h heard
			ask(serverWith(&memory{outcome: row.outcome}, h.hear), "POST", "/publish", row.body, "Content-Type", row.kind)
			if h.events != row.want {
				t.Errorf("heard %+v, want %+v", h.events, row.want)
			}
		})
	}
	t.Run("a repeat", func(t *testing.T) {
		t.Parallel()
		var h heard
		s := serverWith(&memory{}, h.hear)
		ask(s, "POST", "/publish", a)
		ask(s, "POST", "/publish", a)
		if want := (event.Tally{Stored: 1, Duplicate: 1}); h.events != want {
			t.Errorf("heard %+v, want %+v", h.events, want)
		}
	})
	t.Run("nothing while the store is away", func(t *testing.T) {
		t.Parallel()
		var h heard
		s := serverWith(&memory{fail: store.ErrUnavailable}, h.hear)
		ask(s, "POST", "/publish", a)
		ask(s, "POST", "/publish", "["+a+","+badEvent+"]")
		if h.events != (event.Tally{}) || len(h.requests) != 2 {
			t.Errorf("heard %+v of %d requests", h.events, len(h.requests))
		}
	})
}

func TestHooksHearOfRequests(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		method, target, body, kind string
		fail                       error
		want                       Request
	}{
		"a publish":             {"POST", "/publish", goodEvent, "", nil, Request{Route: "/publish", Method: "POST", Code: 200}},
		"lines":                 {"POST", "/publish", goodEvent, api.TypeLines, nil, Request{Route: "/publish", Method: "POST", Code: 200, Stream: true}},
		"an event":              {"GET", "/events/t/e", "", "", nil, Request{Route: "/events/:topic/:event_id", Method: "GET", Code: 404}},
		"a path that is no one": {"GET", "/made/up/by/a/client", "", "", nil, Request{Route: "unknown", Method: "GET", Code: 404}},
		"a method that is none": {"DELETE", "/stats", "", "", nil, Request{Route: "/stats", Method: "DELETE", Code: 405}},
		"a refused stream":      {"GET", "/events/stream?limit=x", "", "", nil, Request{Route: "/events/stream", Method: "GET", Code: 422}},
		"an outage":             {"POST", "/publish", goodEvent, "", store.ErrUnavailable, Request{Route: "/publish", Method: "POST", Code: 503}},
		"a fault":               {"POST", "/publish", goodEvent, "", errors.New("broken"), Request{Route: "/publish", Method: "POST", Code: 500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h heard
			var fail error
			if row.fail != nil {
				fail = fmt.Errorf("append: %w", row.fail)
			}
			ask(serverWith(&memory{fail: fail}, h.hear), row.method, row.target, row.body, "Content-Type", row.kind)
			if len(h.requests) != 1 || h.requests[0] != row.want {
				t.Errorf("heard %+v, want %+v", h.requests, row.want)
			}
		})
	}
}

func TestHooksHearHowLongARequestTook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h heard
		m := &memory{hold: make(chan struct{})}
		s := serverWith(m, h.hear, func(o *Options) { o.Now = time.Now })
		time.AfterFunc(3*time.Second, func() { close(m.hold) })
		ask(s, "POST", "/publish", goodEvent)
		if len(h.requests) != 1 || h.requests[0].Took != 3*time.Second {
			t.Errorf("heard %+v", h.requests)
		}
	})
}

// TestAFollowedStreamIsNoLatency opens a stream and ends it; a follower counts
// meanwhile.
func TestAFollowedStreamIsNoLatency(t *testing.T) {
	t.Parallel()
	var h heard
	s := serverWith(&memory{}, h.hear)
	openStream(t, listen(t, s), "")
	if n := s.Followers(); n != 1 {
		t.Errorf("%d followers, want 1", n)
	}
	if err := s.Shutdown(t.Context()); err != nil { // which ends it, and waits
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.requests) != 1 || !h.requests[0].Stream || h.requests[0].Route != "/events/stream" || h.requests[0].Code != 200 {
		t.Errorf("heard %+v", h.requests)
	}
}

func TestMetricsAreServed(t *testing.T) {
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
		"where there are some":    {[]func(*Options){metrics}, "GET", 200, "up 1\n"},
		"not where there is none": {nil, "GET", 404, "404"},
		"to those who read only":  {[]func(*Options){metrics}, "POST", 405, "405"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(serverWith(&memory{}, row.options...), row.method, api.PathMetrics, "")
			if answer.Code != row.status || !strings.Contains(answer.Body.String(), row.want) {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
}

// TestHealthIsThatOfReadyz asks often, and the store hears of it once.
func TestHealthIsThatOfReadyz(t *testing.T) {
	t.Parallel()
	m := &memory{fail: store.ErrUnavailable}
	s := serverWith(m, withQueue(fakeQueue{}, true))
	ask(s, "GET", "/readyz", "")
	for range 10 {
		if err := s.CheckStore(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the store is %v", err)
		}
		if err := s.CheckQueue(t.Context()); err != nil {
			t.Errorf("the queue is %v", err)
		}
	}
	if m.pings != 1 {
		t.Errorf("the store was asked %d times", m.pings)
	}
	if err := serverWith(m).CheckQueue(t.Context()); err != nil {
		t.Errorf("no queue is %v", err)
	}
}

func TestScrapesAreBounded(t *testing.T) {
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
		scrapes.Go(func() { ask(s, http.MethodGet, "/metrics", "") })
		<-entered
	}
	answer := ask(s, http.MethodGet, "/metrics", "")
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" || !strings.Contains(answer.Body.String(), api.ProblemOverloaded) {
		t.Errorf("one more was answered %d %s", answer.Code, answer.Body)
	}
	close(leave)
	scrapes.Wait()
	go func() { <-entered }()
	if answer := ask(s, http.MethodGet, "/metrics", ""); answer.Code != http.StatusOK {
		t.Errorf("when the others had theirs: %d", answer.Code)
	}
}
