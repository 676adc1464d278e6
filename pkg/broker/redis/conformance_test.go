package redis

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/broker"
	"github.com/eventagg/eventagg/pkg/broker/brokertest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, func(t *testing.T, o brokertest.Options) brokertest.Harness {
		server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
		return harness(t, server, Options{URL: server.URL(), MaxEvents: o.MaxEvents, MaxBytes: o.MaxBytes})
	}, nil)
}

// TestConformanceInACluster runs on a cluster of one node that holds all slots:
// the client and the keys are a cluster's all the same.
func TestConformanceInACluster(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, func(t *testing.T, o brokertest.Options) brokertest.Harness {
		server, address := startCluster(t)
		return harness(t, server, Options{URL: address, Streams: 3, MaxEvents: o.MaxEvents, MaxBytes: o.MaxBytes})
	}, nil)
}

func harness(t *testing.T, server *testdb.Server, o Options) brokertest.Harness {
	return brokertest.Harness{
		Queue: open(t, o),
		Again: func(t *testing.T) broker.Queue { return open(t, o) },
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

// startCluster starts one node and gives it all slots.
func startCluster(t testing.TB) (server *testdb.Server, address string) {
	t.Helper()
	server = testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Cluster: true})
	do(t, server.URL(), "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(do(t, server.URL(), "CLUSTER", "INFO"), "cluster_state:ok") {
		select {
		case <-ctx.Done():
			t.Fatal("the cluster does not come up")
		case <-tick.C:
		}
	}
	parsed, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	parsed.Path, parsed.RawQuery = "", "addr="+parsed.Host
	return server, parsed.String()
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
