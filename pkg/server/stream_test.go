package server

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// message is a message of a stream: its cursor, and the ID of its event.
type message struct{ id, event string }

// follower reads the event stream of a listening server until close.
type follower struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func openStream(t *testing.T, address, query string, headers ...string) *follower {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/events/stream"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := newHTTP(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	closeIt := func() { _ = response.Body.Close() }
	t.Cleanup(closeIt)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != api.TypeStream {
		t.Fatalf("got %d, %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	return &follower{t: t, lines: bufio.NewScanner(response.Body), close: closeIt}
}

// next returns the next message with an event.
func (s *follower) next() message {
	s.t.Helper()
	var m message
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			m.id = value
		case "data":
			_, value, _ = strings.Cut(value, `"event_id":"`)
			m.event, _, _ = strings.Cut(value, `"`)
			return m
		}
	}
	s.t.Fatalf("the stream has ended: %v", s.lines.Err())
	return m
}

// take returns the events of the next messages, and the cursor of the last one.
func (s *follower) take(count int) (events []string, last string) {
	s.t.Helper()
	for range count {
		m := s.next()
		events, last = append(events, m.event), m.id
	}
	return events, last
}

func TestStream_StartPosition(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, query string
		want        []string
	}{
		{"with new events", "", []string{"e11", "e12"}},
		{"with the last events", "?limit=2", []string{"e9", "e10", "e11"}},
		{"with all events if there are fewer", "?limit=1000&topic=t1", []string{"e1", "e3", "e5", "e7", "e9", "e11"}},
		{"with events of a topic", "?topic=t0", []string{"e12"}},
		{"with events of a source", "?source=s0&limit=1", []string{"e9", "e12"}},
		{"with events since a time", "?since=2025-12-19T12:00:09Z&limit=5", []string{"e9", "e10", "e11"}},
		{"after a cursor", "?cursor=" + cursorAt(8), []string{"e9", "e10", "e11"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			m := (&memory{}).fill(10)
			s := openStream(t, listen(t, serverWith(m)), row.query)
			later := []event.Event{{Topic: "t1", ID: "e11", Source: "s2", Payload: "{}"}, {Topic: "t0", ID: "e12", Source: "s0", Payload: "{}"}}
			if _, err := m.Append(t.Context(), later); err != nil {
				t.Fatal(err)
			}
			if got, _ := s.take(len(row.want)); !slices.Equal(got, row.want) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// cursorAt returns the cursor after the event with that number.
func cursorAt(n uint64) string {
	return api.Cursor{Newer: true, Position: store.Position{Commit: n, Seq: 1}}.String()
}

func TestStream_ResumesAfterLastEvent(t *testing.T) {
	t.Parallel()
	address := listen(t, serverWith((&memory{}).fill(10)))
	s := openStream(t, address, "?limit=10")
	got, last := s.take(4)
	s.close()
	// A browser reconnects to the same address, with the same query.
	s = openStream(t, address, "?limit=10", "Last-Event-ID", last)
	rest, _ := s.take(3)
	if all := slices.Concat(got, rest); !slices.Equal(all, []string{"e1", "e2", "e3", "e4", "e5", "e6", "e7"}) {
		t.Errorf("got %v", all)
	}
	s = openStream(t, address, "?cursor="+cursorAt(2), "Last-Event-ID", "") // as a browser sends it first
	if got, _ := s.take(1); !slices.Equal(got, []string{"e3"}) {
		t.Errorf("got %v after the second", got)
	}
	m := (&memory{}).fill(3)
	address = listen(t, serverWith(m))
	s = openStream(t, address, "")
	for id := false; !id && s.lines.Scan(); { // the cursor before any event
		id = strings.HasPrefix(s.lines.Text(), "id: ")
	}
	s.close()
	m.fill(4)
	s = openStream(t, address, "", "Last-Event-ID", strings.TrimPrefix(s.lines.Text(), "id: "))
	if got, _ := s.take(1); !slices.Equal(got, []string{"e4"}) {
		t.Errorf("got %v, disconnected before the first event", got)
	}
}

func TestStream_InvalidRequests(t *testing.T) {
	t.Parallel()
	const path = "/events/stream"
	for _, row := range []struct {
		name, query, lastID string
		prepare             func(*Server, *memory)
		status              int
		body                string
	}{
		{"an invalid limit", "?limit=1001", "", nil, 422, `"field":"limit"`},
		{"an unknown parameter", "?until=2025-01-01", "", nil, 422, `"field":"until"`},
		{"a topic that no event can have", "?topic=%00", "", nil, 422, `"field":"topic"`},
		{"an invalid query string", "?topic=%", "", nil, 400, `query string is invalid`},
		{"a cursor to older events", "?cursor=" + api.Cursor{Position: store.Position{Commit: 1}}.String(), "", nil, 422, `"field":"cursor"`},
		{"an invalid Last-Event-ID", "", "x", nil, 422, `"field":"Last-Event-ID"`},
		{"a cursor of other data", "?cursor=" + cursorAt(1000), "", nil, 422, api.ProblemCursor},
		{"while the store is unavailable", "", "", func(_ *Server, m *memory) { m.fail = store.ErrUnavailable }, 503, api.ProblemUnavailable},
		{"while the server drains", "", "", func(s *Server, _ *memory) { s.Drain() }, 503, `Shutting down`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			m := (&memory{}).fill(3)
			s := serverWith(m)
			if row.prepare != nil {
				row.prepare(s, m)
			}
			response := send(s, http.MethodGet, path+row.query, "", "Last-Event-ID", row.lastID)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.body) {
				t.Errorf("got %d %s", response.Code, response.Body)
			}
			if (response.Code == http.StatusServiceUnavailable) != (response.Header().Get("Retry-After") != "") {
				t.Errorf("Retry-After is %q", response.Header().Get("Retry-After"))
			}
		})
	}
}

func TestStream_NumberIsLimited(t *testing.T) {
	t.Parallel()
	s := serverWith((&memory{}).fill(3), func(o *Options) { o.MaxFollowers = 1 })
	first := openStream(t, listen(t, s), "?limit=1")
	first.take(1)
	response := send(s, http.MethodGet, "/events/stream", "")
	if response.Code != http.StatusServiceUnavailable || response.Header().Get("Retry-After") != "10" {
		t.Errorf("the second stream got %d, Retry-After %q: %s", response.Code, response.Header().Get("Retry-After"), response.Body)
	}
}

func TestStream_HeadHasNoBody(t *testing.T) {
	t.Parallel()
	response := send(serverWith((&memory{}).fill(3)), http.MethodHead, "/events/stream", "")
	if response.Code != http.StatusOK || response.Header().Get("Content-Type") != api.TypeStream || response.Body.Len() > 0 {
		t.Errorf("got %d %v %q", response.Code, response.Header(), response.Body)
	}
}

func TestDrain_EndsStreams(t *testing.T) {
	t.Parallel()
	server := serverWith((&memory{}).fill(3))
	s := openStream(t, listen(t, server), "?limit=3")
	s.take(3)
	server.Drain()
	var rest []string
	for s.lines.Scan() {
		rest = append(rest, s.lines.Text())
		if strings.HasPrefix(s.lines.Text(), "data") {
			t.Errorf("got %s", s.lines.Text())
		}
	}
	// Browsers wait longer than usual, and keep their position.
	if text := strings.Join(rest, "\n"); !strings.Contains(text, "retry: 5000\nid: ") {
		t.Errorf("the last message is %q", text)
	}
	if err := s.lines.Err(); err != nil { // a whole response, not a broken connection
		t.Errorf("ended with %v", err)
	}
}

// liveResponse is a response that a test can read while the handler writes it.
type liveResponse struct {
	header http.Header
	mu     sync.Mutex
	text   bytes.Buffer
}

func (w *liveResponse) Header() http.Header { return w.header }
func (w *liveResponse) WriteHeader(int)     {}
func (w *liveResponse) Flush()              {}
func (w *liveResponse) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *liveResponse) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestStream_SilentStreamHasComments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := (&memory{}).fill(3)
		s := serverWith(m)
		ctx, cancel := context.WithCancel(t.Context())
		client, ended := &liveResponse{header: http.Header{}}, make(chan struct{})
		go func() {
			defer close(ended)
			contract.Handler(s.Handler()).ServeHTTP(client, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events/stream?topic=none", nil))
		}()
		time.Sleep(14 * time.Second)
		m.fill(4) // another topic than the filter
		if text := client.String(); strings.Contains(text, ": still") {
			t.Errorf("after 14 seconds: %q", text)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if text := client.String(); !strings.Contains(text, ": still here\nid: "+cursorAt(4)[:3]) {
			t.Errorf("after 16 seconds: %q", text)
		}
		time.Sleep(30 * time.Second)
		if got := strings.Count(client.String(), ": still here\n"); got != 3 {
			t.Errorf("%d comments in 46 seconds", got)
		}
		cancel()
		<-ended
	})
}

// An EventSource in a browser gives up for ever after a 503, and would miss what is
// stored until it comes back if it did not learn its position.
func TestStream_EndsAtOnceForAnEventSourceWhileTheServerDrains(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		query, last, first, position string
		events                       int
	}{
		"a new one learns where it starts": {"", "", api.Cursor{Newer: true, Position: store.Position{Commit: 4}}.String(), "", 0},
		"one that wants the last events":   {"?limit=2", "", cursorAt(1), cursorAt(3), 2},
		"one that resumes":                 {"", cursorAt(2), cursorAt(2), cursorAt(3), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith((&memory{}).fill(3))
			s.Drain()
			response := send(s, http.MethodGet, "/events/stream"+row.query, "", "Accept", "text/event-stream", "Last-Event-ID", row.last)
			body := response.Body.String()
			if response.Code != http.StatusOK || response.Header().Get("Content-Type") != api.TypeStream || strings.Count(body, "event: event\n") != row.events {
				t.Errorf("got %d %v %s", response.Code, response.Header(), body)
			}
			first, last := "retry: 1000\nid: "+row.first+"\n\n", "retry: 5000\nid: "+cmp.Or(row.position, row.first)+"\n\n"
			if !strings.HasPrefix(body, first) || !strings.HasSuffix(body, last) {
				t.Errorf("got %q, want %q to %q", body, first, last)
			}
		})
	}
	s := serverWith(&memory{})
	s.Drain()
	if response := send(s, http.MethodGet, "/events/stream?limit=x", "", "Accept", "text/event-stream"); response.Code != http.StatusUnprocessableEntity {
		t.Errorf("a wrong parameter got %d", response.Code)
	}
}
