package redis

import (
	"context"
	"errors"
	"slices"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t *testing.T, o queuetest.Options) queuetest.Harness {
		options := Options{MaxEvents: o.MaxEvents, MaxBytes: o.MaxBytes}
		h := queuetest.Harness{}
		if o.OwnServer {
			server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
			options.URL = server.URL()
			h.Down, h.Up = func() { server.Stop(testdb.Immediate) }, server.Start
		} else {
			options.URL, options.Prefix = testdb.Redis(t)
		}
		h.Queue = open(t, options)
		h.Again = func(t *testing.T) queue.Queue { return open(t, options) }
		return h
	})
}

// openShared opens a queue on the shared server.
func openShared(t testing.TB, o Options) *Queue {
	t.Helper()
	o.URL, o.Prefix = testdb.Redis(t)
	return open(t, o)
}

func open(t testing.TB, o Options) *Queue {
	t.Helper()
	q, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return q
}

// doWithKeys sends one command to the server of a queue with one stream. EVENTS, SIZE
// and DEAD stand for its keys, FIRST for the ID of the first entry.
func doWithKeys(t testing.TB, q *Queue, args ...string) string {
	t.Helper()
	args = slices.Clone(args)
	for i, arg := range args {
		switch s := q.streams[0]; arg {
		case "EVENTS":
			args[i] = s.events
		case "EVENTS:backup":
			args[i] = s.events + ":backup"
		case "SIZE":
			args[i] = s.size
		case "DEAD":
			args[i] = s.dead
		case "FIRST":
			entries, err := q.commands.XRangeN(context.Background(), s.events, "-", "+", 1).Result()
			if err != nil || len(entries) == 0 {
				t.Fatalf("no first entry: %v", err)
			}
			args[i] = entries[0].ID
		}
	}
	return do(t, q.options.URL, args...)
}

// do sends one command, as redis-cli does.
func do(t testing.TB, address string, args ...string) string {
	t.Helper()
	options, err := goredis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(options)
	defer func() { _ = client.Close() }()
	all := make([]any, len(args))
	for i, arg := range args {
		all[i] = arg
	}
	reply, err := client.Do(context.Background(), all...).Result()
	if err != nil && !errors.Is(err, goredis.Nil) {
		t.Fatalf("%q: %v", slices.Concat(args), err)
	}
	text, _ := reply.(string)
	return text
}
