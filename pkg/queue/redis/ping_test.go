package redis

import (
	"errors"
	"testing"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestPing_ChecksWrites has servers that respond and reject appends. Ping must fail,
// or a circuit breaker would open and close for ever.
func TestPing_ChecksWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		set, end []string
		want     error
	}{
		{"a server that became a replica", []string{"REPLICAOF", "127.0.0.1", "1"}, []string{"REPLICAOF", "NO", "ONE"}, store.ErrUnavailable},
		{"a server without enough replicas", []string{"CONFIG", "SET", "min-replicas-to-write", "1"},
			[]string{"CONFIG", "SET", "min-replicas-to-write", "0"}, store.ErrUnavailable},
		{"a server whose memory is full", []string{"CONFIG", "SET", "maxmemory", "1"}, []string{"CONFIG", "SET", "maxmemory", "0"}, store.ErrOverloaded},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
			q := open(t, Options{URL: server.URL()})
			roundTrip(t, q)
			do(t, server.URL(), test.set...)
			if err := q.Ping(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("ping: %v, want %v", err, test.want)
			}
			do(t, server.URL(), test.end...)
			if err := q.Ping(t.Context()); err != nil {
				t.Errorf("ping afterwards: %v", err)
			}
		})
	}
}
