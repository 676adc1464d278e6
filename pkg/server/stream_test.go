package server

import (
	"bufio"
	"bytes"
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

// message is one of a stream: the ID, and of the data the event's ID alone.
type message struct{ id, event string }

// streamOf follows at a real server; close ends it.
type streamOf struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func openStream(t *testing.T, address, query string, headers ...string) *streamOf {
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
		t.Fatalf("answered %d, %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	return &streamOf{t: t, lines: bufio.NewScanner(response.Body), close: closeIt}
}

// next returns the next message that is an event.
func (s *streamOf) next() message {
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

// take returns the events of the next messages, and the last message's ID.
func (s *streamOf) take(count int) (events []string, last string) {
	s.t.Helper()
	for range count {
		m := s.next()
		events, last = append(events, m.event), m.id
	}
	return events, last
}

func TestStreamBeginsWhereTheClientWants(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, query string
		want        []string
	}{
		{"with what comes from now on", "", []string{"e11", "e12"}},
		{"with the last events", "?limit=2", []string{"e9", "e10", "e11"}},
		{"with all events, where there are fewer", "?limit=1000&topic=t1", []string{"e1", "e3", "e5", "e7", "e9", "e11"}},
		{"with those of a topic", "?topic=t0", []string{"e12"}},
		{"with those of a source", "?source=s0&limit=1", []string{"e9", "e12"}},
		{"with those since a time", "?since=2025-12-19T12:00:09Z&limit=5", []string{"e9", "e10", "e11"}},
		{"behind a cursor", "?cursor=" + cursorAt(8), []string{"e9", "e10", "e11"}},
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

// cursorAt is the cursor behind the event with that number.
func cursorAt(n uint64) string {
	return api.Cursor{Newer: true, Position: store.Position{Commit: n, Seq: 1}}.String()
}

func TestStreamIsResumedBehindTheLastEvent(t *testing.T) {
	t.Parallel()
	address := listen(t, serverWith((&memory{}).fill(10)))
	s := openStream(t, address, "?limit=10")
	got, last := s.take(4)
	s.close()
	// The address is the same as before, and so is the cursor it has.
	s = openStream(t, address, "?limit=10", "Last-Event-ID", last)
	rest, _ := s.take(3)
	if all := slices.Concat(got, rest); !slices.Equal(all, []string{"e1", "e2", "e3", "e4", "e5", "e6", "e7"}) {
		t.Errorf("got %v", all)
	}
	s = openStream(t, address, "?cursor="+cursorAt(2), "Last-Event-ID", "") // as a browser has it at first
	if got, _ := s.take(1); !slices.Equal(got, []string{"e3"}) {
		t.Errorf("got %v behind the second", got)
	}
	m := (&memory{}).fill(3)
	address = listen(t, serverWith(m))
	s = openStream(t, address, "")
	for id := false; !id && s.lines.Scan(); { // before any event
		id = strings.HasPrefix(s.lines.Text(), "id: ")
	}
	s.close()
	m.fill(4)
	s = openStream(t, address, "", "Last-Event-ID", strings.TrimPrefix(s.lines.Text(), "id: "))
	if got, _ := s.take(1); !slices.Equal(got, []string{"e4"}) {
		t.Errorf("got %v, cut off before the first event", got)
	}
}

func TestStreamRefusesWhatItCanNotFollow(t *testing.T) {
	t.Parallel()
	const path = "/events/stream"
	for _, row := range []struct {
		name, query, lastID string
		prepare             func(*Server, *memory)
		status              int
		body                string
	}{
		{"a limit that is none", "?limit=1001", "", nil, 422, `"field":"limit"`},
		{"a parameter that is none", "?until=2025-01-01", "", nil, 422, `"field":"until"`},
		{"a topic that no event can have", "?topic=%00", "", nil, 422, `"field":"topic"`},
		{"a broken query", "?topic=%", "", nil, 400, `query string is invalid`},
		{"a cursor to older events", "?cursor=" + api.Cursor{Position: store.Position{Commit: 1}}.String(), "", nil, 422, `"field":"cursor"`},
		{"an ID that is none", "", "x", nil, 422, `"field":"Last-Event-ID"`},
		{"a cursor of other data", "?cursor=" + cursorAt(1000), "", nil, 422, api.ProblemCursor},
		{"while the store is away", "", "", func(_ *Server, m *memory) { m.fail = store.ErrUnavailable }, 503, api.ProblemUnavailable},
		{"while the server drains", "", "", func(s *Server, _ *memory) { s.Drain() }, 503, `Shutting down`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			m := (&memory{}).fill(3)
			s := serverWith(m)
			if row.prepare != nil {
				row.prepare(s, m)
			}
			answer := ask(s, http.MethodGet, path+row.query, "", "Last-Event-ID", row.lastID)
			if answer.Code != row.status || !strings.Contains(answer.Body.String(), row.body) {
				t.Errorf("answered %d %s", answer.Code, answer.Body)
			}
			if (answer.Code == http.StatusServiceUnavailable) != (answer.Header().Get("Retry-After") != "") {
				t.Errorf("Retry-After is %q", answer.Header().Get("Retry-After"))
			}
		})
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := serverWith((&memory{}).fill(3), func(o *Options) { o.MaxFollowers = 1 })
	first := openStream(t, listen(t, s), "?limit=1")
	first.take(1)
	answer := ask(s, http.MethodGet, "/events/stream", "")
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") != "10" {
		t.Errorf("the second of one got %d, Retry-After %q: %s", answer.Code, answer.Header().Get("Retry-After"), answer.Body)
	}
}

func TestHeadOfAStreamIsNoStream(t *testing.T) {
	t.Parallel()
	answer := ask(serverWith((&memory{}).fill(3)), http.MethodHead, "/events/stream", "")
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != api.TypeStream || answer.Body.Len() > 0 {
		t.Errorf("answered %d %v %q", answer.Code, answer.Header(), answer.Body)
	}
}

func TestDrainingEndsStreams(t *testing.T) {
	t.Parallel()
	server := serverWith((&memory{}).fill(3))
	s := openStream(t, listen(t, server), "?limit=3")
	s.take(3)
	server.Drain()
	for s.lines.Scan() {
		if strings.HasPrefix(s.lines.Text(), "data") {
			t.Errorf("got %s", s.lines.Text())
		}
	}
	if err := s.lines.Err(); err != nil { // a whole answer, not a broken connection
		t.Errorf("ended with %v", err)
	}
}

// wire is a client in a bubble: what is written to it can be waited for.
type wire struct {
	header http.Header
	mu     sync.Mutex
	text   bytes.Buffer
}

func (w *wire) Header() http.Header { return w.header }
func (w *wire) WriteHeader(int)     {}
func (w *wire) Flush()              {}
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *wire) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestSilentStreamsHaveComments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := (&memory{}).fill(3)
		s := serverWith(m)
		ctx, cancel := context.WithCancel(t.Context())
		client, ended := &wire{header: http.Header{}}, make(chan struct{})
		go func() {
			defer close(ended)
			contract.Handler(s.Handler()).ServeHTTP(client, httptest.NewRequestWithContext(ctx, http.MethodGet, "/events/stream?topic=none", nil))
		}()
		time.Sleep(14 * time.Second)
		m.fill(4) // that the filter leaves out
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
