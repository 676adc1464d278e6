package redis

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestDurability_NamesUnsafeSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		settings map[string]string
		want     string // empty for durable
	}{
		{"safe settings", map[string]string{"appendonly": "yes", "appendfsync": "always"}, ""},
		{"no append-only file", map[string]string{"appendonly": "no", "appendfsync": "always"}, "appendonly is no, set it to yes"},
		{"synced once a second", map[string]string{"appendonly": "yes", "appendfsync": "everysec"}, "appendfsync is everysec, set it to always"},
		{"never synced", map[string]string{"appendonly": "yes", "appendfsync": "no"}, "appendfsync is no, set it to always"},
		{"not synced while the file is rewritten", map[string]string{"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "yes"},
			"no-appendfsync-on-rewrite is yes, set it to no"},
		{"evicts when full", map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory": "1gb", "maxmemory-policy": "allkeys-lru"},
			"maxmemory-policy is allkeys-lru, set it to noeviction"},
		{"evicts what expires", map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory": "1gb", "maxmemory-policy": "volatile-ttl"},
			"maxmemory-policy is volatile-ttl, set it to noeviction"},
		{"a policy without a limit evicts nothing", map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "allkeys-lru"}, ""},
		{"a limit without eviction", map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory": "1gb", "maxmemory-policy": "noeviction"}, ""},
		{"settings that can't be read", map[string]string{"rename-command": `CONFIG ""`, "appendonly": "yes", "appendfsync": "always"}, "+config|get"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testdb.StartRedis(t, testdb.RedisOptions{Settings: test.settings})
			q := open(t, Options{URL: server.URL()})
			allowed := open(t, Options{URL: server.URL(), AllowWeak: true})
			if err := allowed.Ping(t.Context()); err != nil {
				t.Errorf("ping with AllowWeak: %v", err)
			}
			if _, err := allowed.Append(t.Context(), []event.Event{newEvent("allowed")}); err != nil {
				t.Errorf("append with AllowWeak: %v", err)
			}
			errPing := q.Ping(t.Context())
			_, errAppend := q.Append(t.Context(), []event.Event{newEvent("asked")})
			for name, err := range map[string]error{"ping": errPing, "append": errAppend} {
				if test.want == "" && err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if test.want != "" && (!errors.Is(err, store.ErrNotDurable) || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("%s: %v, want ErrNotDurable with %q", name, err, test.want)
				}
			}
			if size, err := q.Size(t.Context()); err != nil || (size.Events == 1) != (test.want != "") {
				t.Errorf("size is %+v, %v", size, err)
			}
		})
	}
}

// TestDurability_NoticesChanges changes settings while a queue is open, for its
// connections and for new ones.
func TestDurability_NoticesChanges(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
	now := time.Now()
	q := open(t, Options{URL: server.URL(), Now: func() time.Time { return now }})
	if err := q.Ping(t.Context()); err != nil {
		t.Fatalf("ping: %v", err)
	}
	do(t, server.URL(), "CONFIG", "SET", "appendfsync", "everysec")
	now = now.Add(2 * verifyInterval)
	if err := q.Ping(t.Context()); !errors.Is(err, store.ErrNotDurable) {
		t.Errorf("ping after the change: %v, want ErrNotDurable", err)
	}
	if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); !errors.Is(err, store.ErrNotDurable) {
		t.Errorf("append after the change: %v, want ErrNotDurable", err)
	}
	do(t, server.URL(), "CONFIG", "SET", "appendfsync", "always")
	now = now.Add(2 * verifyInterval)
	if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
		t.Errorf("append after the setting was corrected: %v", err)
	}
	// As after a restart with other settings: the connection is new and no time passes.
	do(t, server.URL(), "CONFIG", "SET", "appendfsync", "everysec")
	do(t, server.URL(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	if _, err := q.Append(t.Context(), []event.Event{newEvent("b")}); !errors.Is(err, store.ErrNotDurable) {
		t.Errorf("append on a new connection: %v, want ErrNotDurable", err)
	}
}

func TestDurability_ChecksEachNodeOfACluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, nil)
	now := time.Now()
	q := open(t, Options{URL: c.address, Streams: clusterStreams, Now: func() time.Time { return now }})
	roundTrip(t, q)
	do(t, c.nodes[2].URL(), "CONFIG", "SET", "appendonly", "no")
	now = now.Add(2 * verifyInterval)
	for name, q := range map[string]*Queue{"an open queue": q, "a new one": open(t, Options{URL: c.address})} {
		_, err := q.Append(t.Context(), []event.Event{newEvent("a")})
		if !errors.Is(err, store.ErrNotDurable) || !strings.Contains(err.Error(), "appendonly is no, set it to yes") {
			t.Errorf("%s: append: %v, want ErrNotDurable", name, err)
		}
		if err := q.Ping(t.Context()); !errors.Is(err, store.ErrNotDurable) {
			t.Errorf("%s: ping: %v, want ErrNotDurable", name, err)
		}
	}
}

func TestQueue_FullMemoryIsOverload(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Settings: map[string]string{"maxmemory-policy": "noeviction"}})
	q := open(t, Options{URL: server.URL()})
	c := q.Consumer("one")
	if _, err := q.Append(t.Context(), []event.Event{newEvent("a"), newEvent("b")}); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Append(t.Context(), []event.Event{newEvent("c")}); err != nil {
		t.Fatal(err)
	}
	messages, err := c.Receive(t.Context(), time.Second)
	if err != nil || len(messages) != 2 {
		t.Fatalf("received %+v, %v", messages, err)
	}
	do(t, server.URL(), "CONFIG", "SET", "maxmemory", "100kb")
	_, err = q.Append(t.Context(), []event.Event{newEvent("d")})
	var retry *store.RetryError
	if !errors.Is(err, store.ErrOverloaded) || !errors.As(err, &retry) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("append: %v, want ErrOverloaded in a RetryError", err)
	}
	checkSize(t, q, queue.Size{Events: 3, Bytes: 3 * lineBytes})
	// Messages can still be removed, split and moved.
	if err := c.Split(t.Context(), messages[0]); err != nil {
		t.Errorf("split: %v", err)
	}
	if err := c.MoveToDeadLetters(t.Context(), messages[1], "reason"); err != nil {
		t.Errorf("move to the dead letters: %v", err)
	}
	checkSize(t, q, queue.Size{Events: 2, Bytes: 2 * lineBytes, DeadLetters: 1})
	if _, err := q.LowWatermark(t.Context()); err != nil {
		t.Errorf("low watermark: %v", err)
	}
	again, err := c.Receive(t.Context(), time.Second)
	if err != nil || len(again) != 2 {
		t.Fatalf("received %+v, %v", again, err)
	}
	if err := c.Acknowledge(t.Context(), again); err != nil {
		t.Errorf("acknowledge: %v", err)
	}
	checkSize(t, q, queue.Size{DeadLetters: 1})
	if at, err := q.LowWatermark(t.Context()); err != nil || at.IsZero() {
		t.Errorf("low watermark of an empty queue: %v, %v", at, err)
	}
}

func TestDurability_WarnsOfLowMaxmemory(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Settings: map[string]string{"maxmemory": "100mb", "maxmemory-policy": "noeviction"}})
	var log bytes.Buffer
	q := open(t, Options{URL: server.URL(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := q.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if strings.Count(log.String(), "maxmemory is 104857600; set it to at least 402653184") != 1 {
		t.Errorf("the log has %q", log.String())
	}
}
