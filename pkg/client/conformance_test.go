package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/server/openapi/openapitest"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
	"github.com/eventagg/eventagg/pkg/store/storetest"
)

// The suite of the store contract runs against client ══HTTP══▶ server ─▶ ingest ─▶
// SQLite.
func TestClient_Conformance(t *testing.T) {
	t.Parallel()
	const closed = "a client can't distinguish a stopped server from an unavailable one: both are ErrUnavailable"
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store {
			path := filepath.Join(t.TempDir(), "events.db")
			if _, err := sqlite.Migrate(t.Context(), path); err != nil {
				t.Fatalf("migrate: %v", err)
			}
			return open(t, path)
		},
		Reopen: func(t *testing.T, s store.Store) store.Store { return open(t, remoteOf(t, s).path) },
		Copy:   func(t *testing.T, s store.Store) store.Store { return copied(t, s) },
		Outage: func(t *testing.T, s store.Store) (down, up func()) {
			path := remoteOf(t, s).path
			return func() { rename(t, path, path+".moved") }, func() { rename(t, path+".moved", path) }
		},
		Age: func(t *testing.T, s store.Store) (store.Retainer, time.Time) {
			now := time.Now().Add(time.Microsecond).Truncate(time.Microsecond)
			for time.Now().Before(now) { // the clock of the store has whole microseconds
			}
			return remoteOf(t, s).inner, now
		},
		Except: map[string]string{
			"a rejected delivery stores nothing, nor do the others of its call":            "deliveries don't use HTTP; the store passes this by itself",
			"retention while appends and followers run loses nothing that is not reported": "the test looks up positions by key, which fails for an event that was dropped since then",
			"a repeat without a time of its own is a conflict only if the rest differs":    "a client always sends a time",
			"every call after close returns the error for a closed store":                  closed,
			"close waits for running appends":                                              closed,
			"cancelled appends keep the counters exact":                                    "a cancelled append may still be in transit; see TestClient_CancelledAppendsKeepCountersExact",
		},
	})
}

// remote is a store behind a server. Responses have positions only in cursors, so
// those of records are looked up in the store.
type remote struct {
	*client.Client
	store.Receiver // the store's own: deliveries don't use HTTP
	store.Retainer // and neither does retention

	path  string
	url   *url.URL
	inner *sqlite.Store
	close func() error
	// positions caches the positions by key. They never change.
	positions sync.Map
}

// KnownTopics implements [store.TopicReader] with the rows of the topics.
func (r *remote) KnownTopics(ctx context.Context, topics []string) ([]bool, error) {
	known := make([]bool, len(topics))
	for i, topic := range topics {
		if topic == "" {
			continue // it would select all
		}
		rows, err := r.TopicStats(ctx, store.TopicQuery{Topic: topic, Limit: 1})
		if err != nil {
			return nil, err
		}
		known[i] = len(rows) > 0
	}
	return known, nil
}

func remoteOf(t *testing.T, s store.Store) *remote {
	t.Helper()
	r, ok := s.(*remote)
	if !ok {
		t.Fatalf("the store is a %T", s)
	}
	return r
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// contract checks all responses against the OpenAPI document.
var contract = sync.OnceValues(openapitest.New)

// open starts client, server, group commit and store for a database file.
func open(t *testing.T, path string) *remote {
	t.Helper()
	inner, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	// With the race detector, and other packages tested at the same time, 20,000
	// events may take long.
	appender := ingest.New(inner, ingest.Options{FlushTimeout: time.Minute, MaxWait: time.Minute})
	served := server.New(server.Options{Appender: appender, Store: inner, Now: advancingClock()})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	documented, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: documented.Handler(served.Handler()), ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- web.Serve(listener) }()
	c, err := client.New(client.Options{URL: "http://" + listener.Addr().String(), Timeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	r := &remote{Client: c, Receiver: inner, Retainer: inner, path: path, inner: inner, url: &url.URL{Scheme: "http", Host: listener.Addr().String()}}
	r.close = sync.OnceValue(func() error {
		ctx := context.Background()
		c.Close()
		served.Drain()
		err := errors.Join(web.Shutdown(ctx), served.Shutdown(ctx), appender.Close(ctx), inner.Close())
		if ended := <-done; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		for _, fault := range documented.Violations() {
			err = errors.Join(err, fmt.Errorf("differs from the OpenAPI document: %s", fault))
		}
		return err
	})
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// advancingClock returns a clock that advances a minute per call, so that the
// server never uses a cached health check.
func advancingClock() func() time.Time {
	var mu sync.Mutex
	now := time.Now()
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Minute)
		return now
	}
}

func (r *remote) Close() error                   { return r.close() }
func (r *remote) Ping(ctx context.Context) error { return r.Ready(ctx) }

func (r *remote) Event(ctx context.Context, key event.Key) (store.Record, error) {
	record, err := r.Client.Event(ctx, key)
	if err != nil {
		return store.Record{}, err
	}
	err = r.addPosition(ctx, &record)
	return record, err
}

// addPosition adds the position, which responses do not have.
func (r *remote) addPosition(ctx context.Context, record *store.Record) error {
	if position, ok := r.positions.Load(record.Key()); ok {
		record.Position, ok = position.(store.Position)
		if ok {
			return nil
		}
	}
	known, err := r.inner.Event(ctx, record.Key())
	if err != nil {
		return err
	}
	record.Position = known.Position
	r.positions.Store(record.Key(), known.Position)
	return nil
}

func (r *remote) page(ctx context.Context, query client.EventsQuery) (client.Page, error) {
	page, err := r.Events(ctx, query)
	if err != nil {
		return client.Page{}, err
	}
	for i := range page.Records {
		if err := r.addPosition(ctx, &page.Records[i]); err != nil {
			return client.Page{}, err
		}
	}
	return page, nil
}

func (r *remote) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	query := client.EventsQuery{Filter: filter, Limit: limit}
	if !before.IsZero() {
		query.Cursor = api.Cursor{Position: before}.String()
	}
	page, err := r.page(ctx, query)
	return page.Records, page.Next != "", err
}

func (r *remote) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	page, err := r.page(ctx, client.EventsQuery{Filter: filter, Limit: limit, Cursor: api.Cursor{Newer: true, Position: after}.String()})
	if err != nil {
		return nil, store.Position{}, err
	}
	slices.Reverse(page.Records)
	next, err := api.ParseCursor(page.Prev)
	return page.Records, next.Position, err
}

func (r *remote) StableHead(ctx context.Context) (store.Position, error) {
	page, err := r.Events(ctx, client.EventsQuery{Limit: 1, Stable: true})
	if err != nil {
		return store.Position{}, err
	}
	cursor, err := api.ParseCursor(page.Prev)
	return cursor.Position, err
}

func openNew(t *testing.T) *remote {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.db")
	if _, err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return open(t, path)
}

func anEvent(topic, id string) event.Event {
	return event.Event{Topic: topic, ID: id, Timestamp: time.Unix(0, 0).UTC(), Source: "s", Payload: "{}"}
}
