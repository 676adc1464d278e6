package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/broker"
	"github.com/eventagg/eventagg/pkg/broker/brokertest"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// clusterStreams are as many as lie on all nodes of a cluster of three.
const clusterStreams = 4

// cluster is a Redis Cluster whose nodes share the slots evenly.
type cluster struct {
	t     testing.TB
	nodes []*testdb.Server
	// address names all nodes, as an operator writes it.
	address string
}

func startCluster(t testing.TB, nodes int, settings map[string]string) *cluster {
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
		// Without numbers of their own the nodes have to fight about them first.
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

// await waits until every node knows all others and who has which slots.
func (c *cluster) await() {
	c.t.Helper()
	c.until("the cluster comes up", func(node *testdb.Server) bool {
		info := do(c.t, node.URL(), "CLUSTER", "INFO")
		return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384") &&
			strings.Contains(info, fmt.Sprintf("cluster_size:%d", len(c.nodes)))
	})
}

// until waits for a condition of every node.
func (c *cluster) until(what string, done func(node *testdb.Server) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, node := range c.nodes {
		for !done(node) {
			select {
			case <-ctx.Done():
				c.t.Fatalf("in vain: %s", what)
			case <-tick.C:
			}
		}
	}
}

func hostOf(t testing.TB, node *testdb.Server) string {
	t.Helper()
	parsed, err := url.Parse(node.URL())
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Host
}

// busPort is where a node talks to others: what it says of itself begins with
// its id and host:port@bus.
func busPort(t testing.TB, node *testdb.Server) string {
	t.Helper()
	for line := range strings.Lines(do(t, node.URL(), "CLUSTER", "NODES")) {
		if strings.Contains(line, "myself") {
			_, rest, _ := strings.Cut(line, "@")
			port, _, _ := strings.Cut(rest, " ")
			port, _, _ = strings.Cut(port, ",")
			return port
		}
	}
	t.Fatal("a node does not know itself")
	return ""
}

func TestConformanceInACluster(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, func(t *testing.T, o brokertest.Options) brokertest.Harness {
		c := startCluster(t, 3, nil)
		options := Options{URL: c.address, Streams: clusterStreams, MaxEvents: o.MaxEvents, MaxBytes: o.MaxBytes}
		return brokertest.Harness{
			Queue: open(t, options),
			Again: func(t *testing.T) broker.Queue { return open(t, options) },
			Down: func() {
				for _, node := range c.nodes {
					node.Stop(testdb.Immediate)
				}
			},
			Up: func() {
				for _, node := range c.nodes {
					node.Start()
				}
				c.await()
			},
		}
	}, nil)
}

func TestStreamsLieOnAllNodesOfACluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3, nil)
	q := open(t, Options{URL: c.address, Streams: clusterStreams})
	for i := range clusterStreams {
		if _, err := q.Append(t.Context(), []event.Event{newEvent(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	for i, node := range c.nodes {
		if got := do(t, node.URL(), "INFO", "keyspace"); !strings.Contains(got, "db0:keys=") {
			t.Errorf("node %d has nothing", i)
		}
	}
	checkSize(t, q, broker.Size{Events: clusterStreams, Bytes: clusterStreams * lineBytes})
}
