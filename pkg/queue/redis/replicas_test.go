package redis

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// startPair starts a durable server and a replica, and returns when the replica follows.
func startPair(t *testing.T) (primary, replica *testdb.Server) {
	t.Helper()
	password := rand.Text()
	primary = testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Password: password})
	host, port, _ := strings.Cut(hostOf(t, primary), ":")
	replica = testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Password: password, Settings: map[string]string{
		"replicaof": host + " " + port, "masterauth": password,
	}})
	awaitReplica(t, primary)
	return primary, replica
}

// awaitReplica waits until a server counts its replica as connected.
func awaitReplica(t *testing.T, primary *testdb.Server) {
	t.Helper()
	suitetest.Eventually(t, "the replica follows", func() bool {
		return strings.Contains(do(t, primary.URL(), "INFO", "replication"), "state=online")
	})
}

func TestReplicas_ConfirmAnAppend(t *testing.T) {
	t.Parallel()
	primary, replica := startPair(t)
	now := time.Now()
	q := open(t, Options{URL: primary.URL(), MinReplicas: 1, Now: func() time.Time { return now }})
	roundTrip(t, q)
	hasty := open(t, Options{URL: primary.URL(), MinReplicas: 1, Timeout: time.Second})

	t.Log("a replica that hangs: the event may be queued, so the error does not deny it")
	replica.Pause()
	err := appendOne(t, hasty, "a")
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) || !strings.Contains(err.Error(), "broker.min_replicas is 1") {
		t.Errorf("append beside a frozen replica: %v, want ErrUnavailable alone, with the setting", err)
	}
	replica.Resume()
	if err := appendOne(t, q, "b"); err != nil {
		t.Errorf("append after the replica went on: %v", err)
	}

	t.Log("no replica: nothing is sent")
	before := do(t, primary.URL(), "DBSIZE")
	replica.Stop(testdb.Immediate)
	suitetest.Eventually(t, "the server knows", func() bool {
		return !strings.Contains(do(t, primary.URL(), "INFO", "replication"), "state=online")
	})
	now = now.Add(2 * verifyInterval)
	for name, err := range map[string]error{"ping": q.Ping(t.Context()), "append": appendOne(t, q, "c")} {
		if !errors.Is(err, store.ErrNotReached) || !strings.Contains(err.Error(), "0 connected, broker.min_replicas is 1") {
			t.Errorf("%s without a replica: %v, want ErrNotReached with the setting", name, err)
		}
	}
	if after := do(t, primary.URL(), "DBSIZE"); after != before {
		t.Errorf("%s keys before, %s after", before, after)
	}
	if err := appendOne(t, open(t, Options{URL: primary.URL(), Prefix: "other"}), "d"); err != nil {
		t.Errorf("append without the setting: %v", err)
	}
}

func appendOne(t *testing.T, q *Queue, id string) error {
	t.Helper()
	_, err := q.Append(t.Context(), []event.Event{newEvent(id)})
	return err
}

// TestReplicas_KeepWhatIsConfirmed kills the server under load. Its replica takes over
// and has each event whose append returned no error.
func TestReplicas_KeepWhatIsConfirmed(t *testing.T) {
	t.Parallel()
	primary, replica := startPair(t)
	q := open(t, Options{URL: primary.URL(), MinReplicas: 1})
	const senders, enough = 8, 200
	var (
		mu        sync.Mutex
		confirmed = map[string]bool{}
		done      sync.WaitGroup
	)
	for sender := range senders {
		done.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", sender, i)
				if _, err := q.Append(t.Context(), []event.Event{newEvent(id)}); err != nil {
					return
				}
				mu.Lock()
				confirmed[id] = true
				mu.Unlock()
			}
		})
	}
	suitetest.Eventually(t, "many events are confirmed", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(confirmed) >= enough
	})
	primary.Stop(testdb.Immediate)
	done.Wait()
	do(t, replica.URL(), "REPLICAOF", "NO", "ONE")

	successor := open(t, Options{URL: replica.URL()})
	c := successor.Consumer("one")
	suitetest.Eventually(t, "the replica has delivered all confirmed events", func() bool {
		messages, err := c.Receive(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			for _, e := range m.Events {
				delete(confirmed, e.ID)
			}
		}
		return len(confirmed) == 0
	})
}

func TestConnectedReplicas_CountsThoseOnline(t *testing.T) {
	t.Parallel()
	for info, want := range map[string]int{
		"": 0,
		"slave0=ip=192.0.2.1,port=6379,state=online,offset=14,lag=0":                                                          1,
		"slave0=ip=192.0.2.1,port=6379,state=online,offset=14,lag=0 slave1=ip=192.0.2.2,port=6379,state=wait_bgsave,offset=0": 1,
		"slaves=state=offline": 0,
	} {
		settings := map[string]string{}
		for field := range strings.FieldsSeq(info) {
			name, value, _ := strings.Cut(field, "=")
			settings[name] = value
		}
		if got := connectedReplicas(settings); got != want {
			t.Errorf("%q: %d replicas, want %d", info, got, want)
		}
	}
}

// TestReplicas_OfEachNodeOfACluster waits at the node that has the stream.
func TestReplicas_OfEachNodeOfACluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1, partial())
	replica := c.join(c.nodes[0])
	awaitReplica(t, c.nodes[0])
	roundTrip(t, open(t, Options{URL: c.address, Streams: clusterStreams, MinReplicas: 1}))
	replica.Pause()
	hasty := open(t, Options{URL: c.address, MinReplicas: 1, Timeout: time.Second})
	if err := appendOne(t, hasty, "a"); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) {
		t.Errorf("append beside a frozen replica: %v, want ErrUnavailable alone", err)
	}
}
