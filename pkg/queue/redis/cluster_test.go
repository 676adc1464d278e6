package redis

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/suitetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// clusterStreams is a number of streams that a cluster of three spreads over all nodes.
const clusterStreams = 4

// cluster is a Redis Cluster whose nodes share the slots evenly.
type cluster struct {
	t     *testing.T
	nodes []*testdb.Server
	// address has all nodes, as an operator configures it.
	address string
}

func startCluster(t *testing.T, nodes int, settings map[string]string) *cluster {
	t.Helper()
	c := &cluster{t: t}
	password := rand.Text()
	for range nodes {
		c.nodes = append(c.nodes, testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Cluster: true, Password: password, Settings: settings}))
	}
	const slots = 16384
	var hosts []string
	for i, node := range c.nodes {
		do(t, node.URL(), "CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*slots/nodes), fmt.Sprint((i+1)*slots/nodes-1))
		// Otherwise the nodes negotiate their epochs first, which takes seconds.
		do(t, node.URL(), "CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
		hosts = append(hosts, hostOf(t, node))
	}
	for _, node := range c.nodes[1:] {
		host, port, _ := strings.Cut(hostOf(t, node), ":")
		do(t, c.nodes[0].URL(), "CLUSTER", "MEET", host, port, busPort(t, node))
	}
	parsed, err := url.Parse(c.nodes[0].URL())
	if err != nil {
		t.Fatal(err)
	}
	parsed.Path, parsed.RawQuery = "", url.Values{"addr": hosts}.Encode()
	c.address = parsed.String()
	c.await()
	return c
}

// await waits until every node knows all others and their slots.
func (c *cluster) await() {
	c.t.Helper()
	c.until("the cluster is up", func(node *testdb.Server) bool {
		info := do(c.t, node.URL(), "CLUSTER", "INFO")
		return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384") &&
			strings.Contains(info, fmt.Sprintf("cluster_size:%d", len(c.nodes)))
	})
}

// until waits until a condition holds for every node.
func (c *cluster) until(what string, done func(node *testdb.Server) bool) {
	c.t.Helper()
	for _, node := range c.nodes {
		suitetest.Eventually(c.t, what, func() bool { return done(node) })
	}
}

func hostOf(t *testing.T, node *testdb.Server) string {
	t.Helper()
	parsed, err := url.Parse(node.URL())
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Host
}

// busPort returns the port of the cluster bus. A node lists itself as its ID and
// host:port@bus.
func busPort(t *testing.T, node *testdb.Server) string {
	t.Helper()
	for line := range strings.Lines(do(t, node.URL(), "CLUSTER", "NODES")) {
		if strings.Contains(line, "myself") {
			_, rest, _ := strings.Cut(line, "@")
			port, _, _ := strings.Cut(rest, " ")
			port, _, _ = strings.Cut(port, ",")
			return port
		}
	}
	t.Fatal("a node does not list itself")
	return ""
}

// TestCluster_Conformance runs the cases that depend on several streams, all of them
// on one cluster.
func TestCluster_Conformance(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, nil)
	queuetest.RunCases(t, func(t *testing.T, o queuetest.Options) queuetest.Harness {
		options := Options{
			URL: c.address, Prefix: rand.Text(), Streams: clusterStreams, MaxEvents: o.MaxEvents, MaxBytes: o.MaxBytes,
		}
		return queuetest.Harness{Queue: open(t, options), Again: func(t *testing.T) queue.Queue { return open(t, options) }}
	},
		"every valid event is received equal and once", "several consumers never receive the same message",
		"a message whose lease is renewed is not claimed", "a consumer that lost its lease finishes nothing",
		"a consumer that leaves releases its messages", "dead letters are paged, the oldest first",
		"the maximum number of events is kept", "sizes follow a simple model step by step",
	)
	t.Run("streams are on all nodes", func(t *testing.T) {
		t.Parallel()
		q := open(t, Options{URL: c.address, Streams: clusterStreams})
		for i := range clusterStreams {
			if _, err := q.Append(t.Context(), []event.Event{newEvent(fmt.Sprint(i))}); err != nil {
				t.Fatal(err)
			}
		}
		for i, node := range c.nodes {
			if got := do(t, node.URL(), "INFO", "keyspace"); !strings.Contains(got, "db0:keys=") {
				t.Errorf("node %d has no keys", i)
			}
		}
		checkSize(t, q, queue.Size{Events: clusterStreams, Bytes: clusterStreams * lineBytes})
	})
}

// partial returns the settings of a cluster that works without one of its nodes.
func partial() map[string]string {
	return map[string]string{"cluster-require-full-coverage": "no", "cluster-node-timeout": "1000"}
}

// receiveAll receives and acknowledges until it has so many events.
func receiveAll(t *testing.T, c queue.Consumer, events map[string]int, count int) {
	t.Helper()
	suitetest.Eventually(t, fmt.Sprintf("%d events are received", count), func() bool {
		messages, err := c.Receive(t.Context(), 100*time.Millisecond)
		if err != nil {
			t.Logf("receive: %v", err)
			return false
		}
		if err := c.Acknowledge(t.Context(), messages); err != nil {
			t.Logf("acknowledge: %v", err)
			return false
		}
		for _, m := range messages {
			for _, e := range m.Events {
				events[e.ID]++
			}
		}
		return len(events) >= count
	})
}

func TestCluster_WorksWithoutANode(t *testing.T) {
	t.Parallel()
	for name, node := range map[string]struct{ down, up func(*testdb.Server) }{
		"crashed": {func(s *testdb.Server) { s.Stop(testdb.Immediate) }, (*testdb.Server).Start},
		"frozen":  {(*testdb.Server).Pause, (*testdb.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, 3, partial())
			q := open(t, Options{URL: c.address, Streams: clusterStreams, Timeout: time.Second})
			consumer := q.Consumer("one")
			want := map[string]int{}
			put := func(id string) {
				want[id] = 1
				suitetest.Eventually(t, "an append succeeds", func() bool {
					_, err := q.Append(t.Context(), []event.Event{newEvent(id)})
					return err == nil
				})
			}
			for i := range 2 * clusterStreams {
				put(fmt.Sprint("before", i))
			}
			held, err := consumer.Receive(t.Context(), time.Second) // of one stream
			if err != nil || len(held) == 0 {
				t.Fatal(held, err)
			}
			r, err := q.parseRef(held[0].Ref)
			if err != nil {
				t.Fatal(err)
			}
			lost := c.nodeOf(q.streams[r.stream].events)
			node.down(lost)

			got := map[string]int{}
			began := time.Now()
			for i := range 2 * clusterStreams {
				put(fmt.Sprint("meanwhile", i))
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("appends took %v", took)
			}
			suitetest.Eventually(t, "the queue can be appended to", func() bool { return q.Ping(t.Context()) == nil })
			receiveAll(t, consumer, got, 2*clusterStreams)
			if _, err := q.Size(t.Context()); err == nil {
				t.Error("the size of an unavailable stream is reported")
			}
			if at, err := q.LowWatermark(t.Context()); err != nil || !at.IsZero() {
				t.Errorf("the low watermark is %v, %v; want none", at, err)
			}

			node.up(lost)
			suitetest.Eventually(t, "the held messages are acknowledged", func() bool { return consumer.Acknowledge(t.Context(), held) == nil })
			for _, m := range held {
				got[m.Events[0].ID]++
			}
			receiveAll(t, consumer, got, len(want))
			if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
				t.Errorf("received %v, want %v", got, want)
			}
			suitetest.Eventually(t, "the queue is empty", func() bool {
				receiveAll(t, consumer, got, 0) // appends that a frozen node executed without a response
				size, err := q.Size(t.Context())
				return err == nil && size == queue.Size{}
			})
		})
	}
}

// nodeOf returns the node that has a key.
func (c *cluster) nodeOf(key string) *testdb.Server {
	c.t.Helper()
	for _, node := range c.nodes {
		if keys := do(c.t, node.URL(), "EVAL", "return table.concat(redis.call('KEYS', '*'), ' ')", "0"); strings.Contains(keys, key) {
			return node
		}
	}
	c.t.Fatalf("no node has %s", key)
	return nil
}

func TestCluster_ReplicaTakesOver(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, partial())
	replica := c.join(c.nodes[1])
	q := open(t, Options{URL: c.address, Streams: clusterStreams, Timeout: time.Second})
	for i := range clusterStreams {
		if _, err := q.Append(t.Context(), []event.Event{newEvent(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	suitetest.Eventually(t, "the replica has all data", func() bool {
		return field(t, replica, "slave_repl_offset") == field(t, c.nodes[1], "master_repl_offset")
	})
	c.nodes[1].Stop(testdb.Immediate)
	suitetest.Eventually(t, "all streams are available", func() bool {
		_, err := q.Size(t.Context())
		return err == nil
	})
	checkSize(t, q, queue.Size{Events: clusterStreams, Bytes: clusterStreams * lineBytes})
	got := map[string]int{}
	receiveAll(t, q.Consumer("one"), got, clusterStreams)
	for i := range 2 * clusterStreams {
		if _, err := q.Append(t.Context(), []event.Event{newEvent(fmt.Sprint("after", i))}); err != nil {
			t.Errorf("append after the failover: %v", err)
		}
	}
	checkSize(t, q, queue.Size{Events: 2 * clusterStreams, Bytes: int64(2 * clusterStreams * (lineBytes + 5))})
}

// field returns a field of a node's INFO about replication.
func field(t *testing.T, node *testdb.Server, name string) string {
	t.Helper()
	for line := range strings.Lines(do(t, node.URL(), "INFO", "replication")) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return value
		}
	}
	t.Fatalf("INFO has no %s", name)
	return ""
}

// join adds a replica of a node.
func (c *cluster) join(master *testdb.Server) *testdb.Server {
	c.t.Helper()
	settings := partial()
	password, _ := url.Parse(master.URL())
	secret, _ := password.User.Password()
	settings["masterauth"] = secret
	replica := testdb.StartRedis(c.t, testdb.RedisOptions{Durable: true, Cluster: true, Password: secret, Settings: settings})
	host, port, _ := strings.Cut(hostOf(c.t, replica), ":")
	do(c.t, master.URL(), "CLUSTER", "MEET", host, port, busPort(c.t, replica))
	id := do(c.t, master.URL(), "CLUSTER", "MYID")
	suitetest.Eventually(c.t, "the replica knows its master", func() bool {
		return strings.Contains(do(c.t, replica.URL(), "CLUSTER", "NODES"), id)
	})
	do(c.t, replica.URL(), "CLUSTER", "REPLICATE", id)
	suitetest.Eventually(c.t, "the replica is connected", func() bool {
		return strings.Contains(do(c.t, replica.URL(), "INFO", "replication"), "master_link_status:up")
	})
	c.until("all nodes know the replica", func(node *testdb.Server) bool {
		return strings.Contains(do(c.t, node.URL(), "CLUSTER", "NODES"), "slave "+id)
	})
	return replica
}
