package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// copied opens a copy of the database file of a store.
func copied(t *testing.T, s store.Store) *remote {
	t.Helper()
	path, target := remoteOf(t, s).path, filepath.Join(t.TempDir(), "copy.db")
	for _, part := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + part)
		if err == nil {
			err = os.WriteFile(target+part, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return open(t, target)
}

// The server restarts with a backup, which by then has as many events as before.
func TestClient_FollowEndsIfDataWasReplaced(t *testing.T) {
	t.Parallel()
	r := openNew(t)
	add := func(r *remote, ids ...string) {
		t.Helper()
		for _, id := range ids {
			if _, err := r.Append(t.Context(), []event.Event{anEvent("t", id)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(r, "1", "2")
	backup := copied(t, r)
	add(r, "3")
	var current atomic.Pointer[httputil.ReverseProxy]
	serve := func(r *remote) {
		current.Store(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(r.url) }})
	}
	serve(r)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		current.Load().ServeHTTP(w, request)
	}))
	t.Cleanup(front.Close)
	c, err := client.New(client.Options{URL: front.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var seen []string
	err = c.Follow(t.Context(), store.Filter{}, 2, time.Second, func(record store.Record) error {
		seen = append(seen, record.ID)
		switch record.ID {
		case "3":
			add(r, "4")
		case "4": // delivered by the stream
			add(backup, "other 3", "other 4", "other 5")
			serve(backup)
			return r.close()
		case "other 5":
			return errors.New("it continues in other data")
		}
		return nil
	})
	if want := "[2 3 4]"; !errors.Is(err, store.ErrForeignPosition) || fmt.Sprint(seen) != want {
		t.Errorf("saw %v and then %v, want %s and ErrForeignPosition", seen, err, want)
	}
}
