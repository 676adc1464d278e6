package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// site is a real server with SQLite. It can stop, and start again at the same
// address.
type site struct {
	t       *testing.T
	address string // host:port
	path    string // of the database file
	queue   server.Queue
	origins []string // of other pages that may send requests
	keys    func() *auth.Set
	stop    func() // nil if it does not run
}

func startSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, address: "127.0.0.1:0", path: filepath.Join(t.TempDir(), "events.db")}
	s.start()
	t.Cleanup(s.end)
	return s
}

func (s *site) start() {
	s.t.Helper()
	ctx := context.Background()
	if _, err := sqlite.Migrate(ctx, s.path); err != nil {
		s.t.Fatal(err)
	}
	opened, err := sqlite.Open(ctx, sqlite.Options{Path: s.path})
	if err != nil {
		s.t.Fatal(err)
	}
	events, committed := store.NotifyOnCommit(opened)
	appender := ingest.New(events, ingest.Options{})
	served := server.New(server.Options{
		Appender: appender, Store: events, Committed: committed, Queue: s.queue, Version: "1.2.3", AllowedOrigins: s.origins, Keys: s.keys,
		MaxEventBytes: 2 << 20, ReadTimeout: timeout, WriteTimeout: timeout,
	})
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- served.Serve(listener) }()
	s.stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if err := errors.Join(served.Shutdown(ctx), <-done, appender.Close(ctx), opened.Close()); err != nil {
			s.t.Errorf("stop the server: %v", err)
		}
	}
}

// end stops the server if it runs.
func (s *site) end() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

func (s *site) url() string { return "http://" + s.address + "/" }

// proxy returns a reverse proxy of the site. It responds 502 while the site is stopped.
func (s *site) proxy() http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.address})
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	return proxy
}

// serve starts a server, which ends with the test, also if connections are open then.
func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	started := httptest.NewServer(handler)
	t.Cleanup(func() {
		started.CloseClientConnections()
		started.Close()
	})
	return started
}

// publish sends events.
func (s *site) publish(events ...map[string]any) {
	s.t.Helper()
	var batch api.Batch
	s.call(http.MethodPost, "publish", []byte(asJSON(events)), &batch)
	if batch.Invalid > 0 {
		s.t.Fatalf("publish: %+v", batch)
	}
}

// nextMillisecond waits until a new event is later than the last one: the page compares
// times in milliseconds.
func nextMillisecond() {
	for start := time.Now().UnixMilli(); time.Now().UnixMilli() == start; {
		runtime.Gosched()
	}
}

// numbered returns events with the IDs prefix-from to prefix-(to-1).
func numbered(topic, prefix string, from, to int) []map[string]any {
	var events []map[string]any
	for i := from; i < to; i++ {
		events = append(events, newEvent(topic, fmt.Sprintf("%s-%d", prefix, i), json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))))
	}
	return events
}

func newEvent(topic, id string, payload json.RawMessage) map[string]any {
	return map[string]any{"topic": topic, "event_id": id, "timestamp": "2025-12-19T12:00:00Z", "source": "test", "payload": payload}
}

func (s *site) call(method, path string, body []byte, result any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.url()+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(result); err != nil || response.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("%s: status %d, %v", path, response.StatusCode, err)
	}
}

// fixedQueue is a queue with a fixed size and state.
type fixedQueue struct {
	size queue.Size
	err  error
}

func (q fixedQueue) Ping(context.Context) error               { return q.err }
func (q fixedQueue) Size(context.Context) (queue.Size, error) { return q.size, q.err }

// digits returns the digits of a number, without separators.
func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, text)
}
