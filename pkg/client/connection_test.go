package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// connections starts a server and counts the connections that it accepts.
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

func TestClient_ReusesConnections(t *testing.T) {
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

func TestClient_DropsConnectionsThatTheServerCloses(t *testing.T) {
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

func TestClient_AppendIgnoresContextsOfEarlierRequests(t *testing.T) {
	t.Parallel()
	address, count := connections(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"success"}`) })
	c := clientOf(t, address)
	for range 500 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := c.Append(ctx, []event.Event{someEvent("a")})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := count.Load(); got != 1 {
		t.Errorf("%d connections", got)
	}
}

func TestClient_AppendEndsWithItsContext(t *testing.T) {
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
}

func TestClient_TimeoutIsUnavailable(t *testing.T) {
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

func TestClient_AppendReadsRefusalOfLargeEvent(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) }) // the body is never read
	e := someEvent("a")
	e.Payload = `{"x":"` + strings.Repeat("y", 200_000) + `"}`
	if got, err := c.Append(t.Context(), []event.Event{e}); err != nil || got[0] != event.Rejected {
		t.Errorf("got %v, %v", got, err)
	}
}
