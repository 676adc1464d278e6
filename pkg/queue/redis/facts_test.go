package redis

import (
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestInspect_DurableServer(t *testing.T) {
	t.Parallel()
	address, prefix := testdb.Redis(t)
	options := Options{URL: address, Prefix: prefix}
	q := open(t, options)
	if _, err := q.Append(t.Context(), []event.Event{newEvent("1")}); err != nil {
		t.Fatal(err)
	}
	f, err := Inspect(t.Context(), options)
	if err != nil || len(f.Nodes) != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
	n := f.Nodes[0]
	if n.Weak != "" || n.Unknown != "" || n.Replica || n.Refuses != "" || n.Version == "" || n.Policy != "noeviction" || n.SystemMemory == 0 {
		t.Errorf("%+v", n)
	}
	if n.RoundTrip <= 0 || n.Skew.Abs() > time.Minute || f.Events != 1 || f.SizeUnknown != "" {
		t.Errorf("%+v", f)
	}
}

func TestInspect_FindsProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings map[string]string
		want     NodeFacts // the other facts are not compared
	}{
		"synced every second": {map[string]string{"appendonly": "yes", "appendfsync": "everysec"}, NodeFacts{Weak: "appendfsync is everysec, set it to always"}},
		"evicts": {
			map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory": "1gb", "maxmemory-policy": "allkeys-lru"},
			NodeFacts{Weak: "maxmemory-policy is allkeys-lru, set it to noeviction", MaxMemory: 1 << 30},
		},
		"no settings": {
			map[string]string{"rename-command": `CONFIG ""`},
			NodeFacts{Weak: "the server rejects CONFIG GET or INFO; allow the user +config|get +info", Unknown: "the server rejects CONFIG GET or INFO"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testdb.StartRedis(t, testdb.RedisOptions{Settings: test.settings})
			f, err := Inspect(t.Context(), Options{URL: server.URL()})
			if err != nil || len(f.Nodes) != 1 {
				t.Fatalf("%+v, %v", f, err)
			}
			got := NodeFacts{Weak: f.Nodes[0].Weak, Unknown: f.Nodes[0].Unknown, MaxMemory: f.Nodes[0].MaxMemory}
			if got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestInspect_PrimaryAndReplica(t *testing.T) {
	t.Parallel()
	primary, replica := startPair(t)
	for _, test := range []struct {
		address  string
		replica  bool
		replicas int
	}{{primary.URL(), false, 1}, {replica.URL(), true, 0}} {
		f, err := Inspect(t.Context(), Options{URL: test.address})
		if err != nil || len(f.Nodes) != 1 || f.Nodes[0].Replica != test.replica || f.Nodes[0].Replicas != test.replicas {
			t.Errorf("%+v, %v, want %+v", f, err, test)
		}
	}
}

func TestInspect_UnreachableServer(t *testing.T) {
	t.Parallel()
	_, err := Inspect(t.Context(), Options{URL: "redis://:secret@127.0.0.1:1"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

func TestReplication(t *testing.T) {
	t.Parallel()
	var f NodeFacts
	f.replication(map[string]string{
		"role": "master", "connected_slaves": "3", "master_repl_offset": "1200",
		"slave0": "ip=10.0.0.2,port=6379,state=online,offset=1200,lag=0",
		"slave1": "ip=10.0.0.3,port=6379,state=online,offset=900,lag=1",
		"slave2": "ip=10.0.0.4,port=6379,state=wait_bgsave,offset=0,lag=0",
	})
	if f.Replica || f.Replicas != 2 || f.Lag != 300 {
		t.Errorf("%+v, want 2 replicas, the slowest 300 bytes behind", f)
	}
}
