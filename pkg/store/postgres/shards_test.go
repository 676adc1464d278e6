package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// TestShards_FollowConcurrency checks that counters have one row per concurrent
// writer, and not one per instance.
func TestShards_FollowConcurrency(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	for i := range 10 {
		s := open(t, Options{URL: address, Writers: 2})
		var writers sync.WaitGroup
		for w := range 2 {
			writers.Go(func() {
				for n := range 5 {
					if _, err := s.Append(context.Background(), someEvents(fmt.Sprint(i, w, n), 2)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		_ = s.Close()
	}
	s := open(t, Options{URL: address})
	var shards, received int
	if err := s.readers.QueryRow(t.Context(), `SELECT count(*), sum(received) FROM audit_stats`).Scan(&shards, &received); err != nil {
		t.Fatal(err)
	}
	// A transaction may hold its lock for a moment after the response, so there
	// can be one shard more than writers.
	if shards > 3 || received != 200 {
		t.Errorf("10 instances of 2 writers use %d shards for %d events, want at most 3 for 200", shards, received)
	}
}

// TestShards_DoNotGrowWithRestarts starts and closes an instance many times. The
// counts of all of them must remain.
func TestShards_DoNotGrowWithRestarts(t *testing.T) {
	t.Parallel()
	const restarts = 200
	address := newDatabase(t)
	for i := range restarts {
		s, err := Open(t.Context(), Options{URL: address, Writers: 1, MaxConns: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), someEvents(fmt.Sprint("restart", i%150), 1)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Options{URL: address})
	for _, table := range []string{"audit_stats", "topic_stats"} {
		var shards, received, duplicates int
		row := s.readers.QueryRow(t.Context(), "SELECT count(*), sum(received), sum(duplicates) FROM "+table)
		if err := row.Scan(&shards, &received, &duplicates); err != nil {
			t.Fatal(err)
		}
		// A transaction may hold its lock for a moment after the response.
		if shards > 2 || received != restarts || duplicates != 50 {
			t.Errorf("%s: %d restarts left %d shards with %d received and %d duplicates, want at most 2 with %d and 50",
				table, restarts, shards, received, duplicates, restarts)
		}
	}
}
