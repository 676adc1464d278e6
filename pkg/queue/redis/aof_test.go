package redis

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestDurability_RejectsIncompleteFile enables the append-only file while the server
// runs. Until its first rewrite has ended, a restart would find no data.
func TestDurability_RejectsIncompleteFile(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{Settings: map[string]string{"appendfsync": "always"}})
	do(t, server.URL(), "SET", "a key", "to write")
	now := time.Now()
	old := open(t, Options{URL: server.URL(), Now: func() time.Time { return now }})
	if err := old.Ping(t.Context()); !errors.Is(err, store.ErrNotDurable) {
		t.Fatalf("ping without a file: %v, want ErrNotDurable", err)
	}
	do(t, server.URL(), "CONFIG", "SET", "rdb-key-save-delay", "60000000") // a minute for each key
	do(t, server.URL(), "CONFIG", "SET", "appendonly", "yes")
	now = now.Add(2 * verifyInterval)
	for name, q := range map[string]*Queue{"an open queue": old, "a new one": open(t, Options{URL: server.URL()})} {
		_, errAppend := q.Append(t.Context(), []event.Event{newEvent("a")})
		for what, err := range map[string]error{"ping": q.Ping(t.Context()), "append": errAppend} {
			if !errors.Is(err, store.ErrNotDurable) || !strings.Contains(err.Error(), "aof_rewrite_in_progress") {
				t.Errorf("%s: %s during the first rewrite: %v, want ErrNotDurable", name, what, err)
			}
		}
	}
	// Again, because the delay of a running rewrite can't be changed.
	do(t, server.URL(), "CONFIG", "SET", "appendonly", "no")
	do(t, server.URL(), "CONFIG", "SET", "rdb-key-save-delay", "0")
	do(t, server.URL(), "CONFIG", "SET", "appendonly", "yes")
	untilRewritten(t, server.URL())
	now = now.Add(2 * verifyInterval)
	if _, err := old.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
		t.Errorf("append with a complete file: %v", err)
	}
	// A later rewrite is no risk if the queue has seen the complete file.
	do(t, server.URL(), "CONFIG", "SET", "rdb-key-save-delay", "60000000")
	// First, because the process of the rewrite would keep the connections open.
	do(t, server.URL(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	do(t, server.URL(), "BGREWRITEAOF")
	now = now.Add(2 * verifyInterval)
	if err := old.Ping(t.Context()); err != nil {
		t.Errorf("ping during a later rewrite: %v", err)
	}
	do(t, server.URL(), "CONFIG", "SET", "appendonly", "no") // ends the process of the rewrite
}

func untilRewritten(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for strings.Contains(do(t, address, "INFO", "persistence"), "aof_rewrite_in_progress:1") {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the append-only file was not rewritten within a minute")
		}
	}
}

func TestDurability_JudgesStateOfFile(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no", "maxmemory": "0",
		"aof_enabled": "1", "aof_rewrite_in_progress": "0", "aof_rewrite_scheduled": "0",
		"aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok",
	}
	for _, test := range []struct {
		name    string
		changes map[string]string
		seen    bool   // it was complete before
		want    string // empty for durable
		warning string
	}{
		{"a complete file is safe", nil, false, "", ""},
		{"a rewrite may be the first", map[string]string{"aof_rewrite_in_progress": "1"}, false, "aof_rewrite_in_progress", ""},
		{"a scheduled rewrite may be the first", map[string]string{"aof_rewrite_scheduled": "1"}, false, "aof_rewrite_in_progress", ""},
		{"a later rewrite is safe", map[string]string{"aof_rewrite_in_progress": "1"}, true, "", ""},
		{"a file that can't be written is unsafe", map[string]string{"aof_last_write_status": "err"}, true, "aof_last_write_status:err", ""},
		{"a file that is not written is unsafe", map[string]string{"aof_enabled": "0"}, true, "aof_enabled:0", ""},
		{"a file that can't be rewritten is safe and grows", map[string]string{"aof_last_bgrewrite_status": "err"}, false, "", "aof_last_bgrewrite_status:err"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			settings := maps.Clone(good)
			settings["run_id"] = "1"
			maps.Copy(settings, test.changes)
			var log bytes.Buffer
			q := open(t, Options{URL: "redis://127.0.0.1:1", Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if test.seen {
				before := maps.Clone(good)
				before["run_id"] = "1"
				if err := q.judgeAll(t.Context(), []map[string]string{before}); err != nil {
					t.Fatal(err)
				}
			}
			err := q.judgeAll(t.Context(), []map[string]string{settings})
			if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, store.ErrNotDurable) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("the result is %v, want %q", err, test.want)
			}
			if !strings.Contains(log.String(), test.warning) || test.warning == "" && log.Len() > 0 {
				t.Errorf("the log has %q, want %q", log.String(), test.warning)
			}
		})
	}
}
