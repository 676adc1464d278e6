package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/server/openapi/openapitest"
	"github.com/eventagg/eventagg/pkg/store"
)

// contract checks every response of these tests against the OpenAPI document.
var contract = mustContract()

func mustContract() *openapitest.Contract {
	c, err := openapitest.New()
	if err != nil {
		panic(err)
	}
	return c
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(contract.Around(m), goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// noon is the start of the clock of these tests.
func noon() time.Time { return time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC) }

// memory is a store in memory. Like a real store it returns an error for texts that
// no event can have, because the server must not pass them on.
type memory struct {
	mu      sync.Mutex
	records []store.Record
	counts  store.Stats
	topics  map[string]*store.TopicStats
	reports []store.DuplicateReport // newest first
	pings   int

	// maxRows, if not 0, is the maximum size of a page, whatever the limit: as if all
	// events were large.
	maxRows int
	// fail, if not nil, is the error of every call.
	fail error
	// unreadable, if not nil, is the error of reading an event.
	unreadable error
	// outcome, if not 0, is the result of Append, which then stores nothing.
	outcome event.Outcome
	// hold blocks Append until it is closed or the context ends.
	hold chan struct{}
	// panicWith, if not nil, is the value that Append panics with.
	panicWith any
}

func (m *memory) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	if m.hold != nil {
		select {
		case <-m.hold:
		case <-ctx.Done():
			return nil, fmt.Errorf("append: %w", ctx.Err())
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.panicWith != nil {
		panic(m.panicWith)
	}
	if m.fail != nil {
		return nil, m.fail
	}
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		if m.outcome != 0 {
			outcomes[i] = m.outcome
			continue
		}
		outcomes[i] = m.add(e)
	}
	return outcomes, nil
}

func (m *memory) add(e event.Event) event.Outcome {
	m.counts.Received++
	if at := slices.IndexFunc(m.records, func(r store.Record) bool { return r.Key() == e.Key() }); at >= 0 {
		m.counts.Duplicates++
		m.topics[e.Topic].Duplicates++
		m.report(e)
		if !digest.Same(&m.records[at].Event, &e) {
			m.counts.Conflicts++
			m.topics[e.Topic].Conflicts++
			return event.Conflict
		}
		return event.Duplicate
	}
	e.TimeAssigned = false // stores do not keep it
	number := uint64(len(m.records) + 1)
	at := noon().Add(time.Duration(number) * time.Second)
	m.records = append(m.records, store.Record{
		Event: e, CreatedAt: at, Position: store.Position{Commit: number, Seq: 1},
	})
	if m.topics == nil {
		m.topics = map[string]*store.TopicStats{}
	}
	if m.topics[e.Topic] == nil {
		m.topics[e.Topic] = &store.TopicStats{Topic: e.Topic, FirstSeen: at}
		m.counts.Topics++
	}
	m.counts.Stored++
	m.counts.Kept++
	m.topics[e.Topic].Stored++
	m.topics[e.Topic].LastSeen = at
	return event.Stored
}

// report adds a report of a duplicate. Each is of its own, to keep the fake simple.
func (m *memory) report(e event.Event) {
	at := noon().Add(time.Duration(m.counts.Received) * time.Second)
	m.reports = slices.Insert(m.reports, 0, store.DuplicateReport{
		Key: e.Key(), Repeats: 1, FirstSeen: at, LastSeen: at, Sources: []string{e.Source},
	})
}

func (m *memory) Duplicates(_ context.Context, query store.DuplicateQuery) ([]store.DuplicateReport, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(m.reports), func(r store.DuplicateReport) bool {
		return query.Topic != "" && r.Topic != query.Topic || query.Conflicts && r.Conflicts == 0 ||
			query.After.Topic != "" && !r.LastSeen.Before(query.After.LastSeen)
	})
	return found[:min(len(found), query.Limit)], m.fail
}

func (m *memory) Stats(context.Context) (store.Stats, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts, m.fail
}

func (m *memory) TopicStats(_ context.Context, query store.TopicQuery) ([]store.TopicStats, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []store.TopicStats
	for _, row := range m.topics {
		rows = append(rows, *row)
	}
	order := func(a, b store.TopicStats) int {
		return cmp.Or(cmp.Compare(b.Stored+b.Duplicates, a.Stored+a.Duplicates), strings.Compare(a.Topic, b.Topic))
	}
	slices.SortFunc(rows, order)
	rows = slices.DeleteFunc(rows, func(row store.TopicStats) bool {
		return query.Topic != "" && row.Topic != query.Topic || query.After.Topic != "" && order(row, query.After) <= 0
	})
	return rows[:min(len(rows), query.Limit)], m.fail
}

func (m *memory) Event(_ context.Context, key event.Key) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if strings.ContainsRune(key.Topic+key.ID, 0) {
		return store.Record{}, fmt.Errorf("a database rejects %q", key)
	}
	for _, r := range m.records {
		if r.Key() == key {
			return r, cmp.Or(m.unreadable, m.fail)
		}
	}
	return store.Record{}, cmp.Or(m.fail, fmt.Errorf("read %v: %w", key, store.ErrNotFound))
}

func matches(r store.Record, f store.Filter) bool {
	return (f.Topic == "" || r.Topic == f.Topic) && (f.Source == "" || f.Source == r.Source) && (f.ID == "" || f.ID == r.ID) &&
		(f.Since.IsZero() || !r.CreatedAt.Before(f.Since)) && (f.Until.IsZero() || r.CreatedAt.Before(f.Until))
}

func (m *memory) Older(_ context.Context, f store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []store.Record
	for _, r := range slices.Backward(m.records) {
		if !matches(r, f) || !before.IsZero() && r.Position.Compare(before) >= 0 {
			continue
		}
		if len(found) == m.pageSize(limit) {
			return found, true, m.fail
		}
		found = append(found, r)
	}
	return found, false, m.fail
}

// pageSize returns the maximum size of a page.
func (m *memory) pageSize(limit int) int { return min(limit, cmp.Or(m.maxRows, limit)) }

func (m *memory) Newer(_ context.Context, f store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end := (store.Position{Commit: uint64(len(m.records)) + 1}); after.Compare(end) > 0 {
		return nil, after, fmt.Errorf("read after %v: %w", after, store.ErrForeignPosition)
	}
	var found []store.Record
	for _, r := range m.records {
		if len(found) < m.pageSize(limit) && matches(r, f) && r.Position.Compare(after) > 0 {
			found = append(found, r)
			after = r.Position
		}
	}
	return found, after, m.fail
}

func (m *memory) StableHead(context.Context) (store.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.records) == 0 {
		return store.Position{}, m.fail
	}
	return store.Position{Commit: uint64(len(m.records)) + 1}, m.fail
}

func (m *memory) Ping(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pings++
	return m.fail
}

// fill stores n events: topic t0 or t1 in turn, IDs e1 to en, sources s0 to s2.
func (m *memory) fill(n int) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := 1; i <= n; i++ {
		m.add(event.Event{
			Topic: fmt.Sprintf("t%d", i%2), ID: fmt.Sprintf("e%d", i), Timestamp: noon(),
			Source: fmt.Sprintf("s%d", i%3), Payload: fmt.Sprintf(`{"n":%d}`, i),
		})
	}
	return m
}

// serverWith returns a server around m.
func serverWith(m *memory, change ...func(*Options)) *Server {
	options := Options{Appender: m, Store: m, Now: noon, AllowedHosts: []string{"example.com"}} // httptest's host
	for _, f := range change {
		f(&options)
	}
	return New(options)
}

// send sends one request directly to the handler.
func send(s *Server, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response := httptest.NewRecorder()
	contract.Handler(s.Handler()).ServeHTTP(response, request)
	return response
}

// listen serves on a loopback port until the test ends, and returns the address.
func listen(t *testing.T, s *Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.http.Handler = contract.Handler(s.http.Handler)
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// logTo is an option that writes the log of all levels to w.
func logTo(w io.Writer) func(*Options) {
	return func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// newHTTP returns an HTTP client that the test does not share.
func newHTTP(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
