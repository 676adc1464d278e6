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
		server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
		return harness(t, server, Options{URL: server.URL(), MaxEvents: o.MaxEvents, MaxBytes: o.MaxBytes})
	}, nil)
}

func harness(t *testing.T, server *testdb.Server, o Options) queuetest.Harness {
	return queuetest.Harness{
		Queue: open(t, o),
		Again: func(t *testing.T) queue.Queue { return open(t, o) },
		Down:  func() { server.Stop(testdb.Immediate) },
		Up:    server.Start,
	}
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

// do sends one command, as an operator does with redis-cli.
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
	answer, err := client.Do(context.Background(), all...).Result()
	if err != nil && !errors.Is(err, goredis.Nil) {
		t.Fatalf("%q: %v", slices.Concat(args), err)
	}
	text, _ := answer.(string)
	return text
}
