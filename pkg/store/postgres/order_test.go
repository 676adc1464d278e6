package postgres

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// idsAfter returns the IDs of all events after a position, read in pages of two.
func idsAfter(t *testing.T, s *Store, after store.Position) []string {
	t.Helper()
	ids := []string{}
	for {
		records, next, err := s.Newer(t.Context(), store.Filter{}, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			ids = append(ids, r.ID)
		}
		if next == after {
			return ids
		}
		after = next
	}
}

// TestNewer_ForeignTransactionDelaysNothing has a transaction of another program that
// stays open, as a report or a forgotten session does.
func TestNewer_ForeignTransactionDelaysNothing(t *testing.T) {
	t.Parallel()
	directAndPooled(t, func(t *testing.T, s *Store) {
		other, err := pgx.Connect(t.Context(), urlOf(t, s))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Close(context.WithoutCancel(t.Context())) }()
		for _, statement := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT pg_current_xact_id()", "CREATE TABLE held ()"} {
			if _, err := other.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Append(t.Context(), someEvents("e", 3)); err != nil {
			t.Fatal(err)
		}
		if got := idsAfter(t, s, store.Position{}); !slices.Equal(got, []string{"e-0", "e-1", "e-2"}) {
			t.Errorf("a follower sees %v at once, want the three events", got)
		}
	})
}

// TestNewer_SlowAppendKeepsItsPlace has an append that has stored its data and holds
// its shard, but is not committed. Others of the shard wait for it; those of another
// shard don't. A follower sees each event once, in the order of COMMIT of each shard.
func TestNewer_SlowAppendKeepsItsPlace(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	one, two := someEvents("one", 1), someEvents("two", 1)
	two[0].Topic = "u" // in another shard; checked below
	if _, err := s.Append(ctx, append(slices.Clone(one), two...)); err != nil {
		t.Fatal(err)
	}
	var shards int
	if err := s.readers.QueryRow(ctx, "SELECT count(DISTINCT shard) FROM topics").Scan(&shards); err != nil || shards != 2 {
		t.Fatalf("the topics are in %d shards, %v; want 2", shards, err)
	}
	start, err := s.StableHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := s.writers.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(ctx) }()
	e := someEvents("slow", 1)[0]
	if _, err := slow.Exec(ctx, s.queries.appendOne, e.Topic, appendKey(nil, e.ID), e.Timestamp, e.Source, e.Payload, digestOf(&e)); err != nil {
		t.Fatal(err)
	}
	var fast errgroup.Group
	fast.Go(func() error { _, err := s.Append(context.WithoutCancel(ctx), someEvents("waits", 1)); return err })
	other := open(t, Options{URL: urlOf(t, s)})
	two[0].ID = "passes"
	if _, err := other.Append(ctx, two); err != nil {
		t.Fatal(err)
	}
	if got := idsAfter(t, s, start); !slices.Equal(got, []string{"passes"}) {
		t.Errorf("while an append is slow a follower sees %v, want only the event of the other shard", got)
	}
	middle, err := s.StableHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := fast.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := idsAfter(t, other, middle); !slices.Equal(got, []string{"slow-0", "waits-0"}) {
		t.Errorf("after its COMMIT the other instance sees %v, want the slow event and then the one that waited", got)
	}
	if got := idsAfter(t, other, start); !slices.Equal(got, []string{"passes", "slow-0", "waits-0"}) {
		t.Errorf("from the start the other instance sees %v, want the same order", got)
	}
}

// TestTicks_AreTheSameForAllInstances has followers on three instances while they all
// append. Each 64th tick has all shards, so the test makes more than that.
func TestTicks_AreTheSameForAllInstances(t *testing.T) {
	t.Parallel()
	first := open(t, Options{})
	instances := []*Store{first, open(t, Options{URL: urlOf(t, first)}), open(t, Options{URL: urlOf(t, first)})}
	const rounds, size = 50, 7
	var group errgroup.Group
	seen := make([][]store.Record, len(instances))
	for i, s := range instances {
		group.Go(func() error {
			for round := range rounds {
				events := someEvents(fmt.Sprintf("%d/%d", i, round), size)
				for j := range events {
					events[j].Topic = fmt.Sprint("topic ", (i+round+j)%40)
				}
				if _, err := s.Append(t.Context(), events); err != nil {
					return err
				}
				if _, err := s.StableHead(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
		group.Go(func() error {
			for after := (store.Position{}); len(seen[i]) < len(instances)*rounds*size; {
				page, next, err := s.Newer(t.Context(), store.Filter{}, after, 10+i)
				if err != nil {
					return err
				}
				seen[i], after = append(seen[i], page...), next
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range instances {
		if !slices.Equal(seen[i], seen[0]) {
			t.Errorf("instance %d has another order than instance 0", i)
		}
	}
	last, err := first.StableHead(t.Context())
	if err != nil || last.Tick < 65 {
		t.Errorf("there are ticks up to %v, %v; want more than 64", last, err)
	}
	for _, topic := range []string{"topic 0", "topic 7", "none"} { // from every position, both ways
		checkTopic(t, first, topic, seen[0])
	}
}

// TestTicks_AreBounded has many readers beside a writer. There is at most one tick for
// each transaction, and not more of them than maxTicks a second.
func TestTicks_AreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	begin := time.Now()
	done := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		defer close(done)
		for i := range 4 * maxTicks {
			if _, err := s.Append(t.Context(), someEvents(fmt.Sprint(i), 1)); err != nil {
				return err
			}
			if _, err := s.StableHead(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	for range 8 {
		group.Go(func() error {
			for after := (store.Position{}); ; {
				select {
				case <-done:
					return nil
				default:
				}
				_, next, err := s.Newer(t.Context(), store.Filter{}, after, 100)
				if err != nil {
					return err
				}
				after = next
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var ticks float64
	if err := s.readers.QueryRow(t.Context(), "SELECT count(*) FROM ticks").Scan(&ticks); err != nil {
		t.Fatal(err)
	}
	if maximum := maxTicks * (1 + time.Since(begin).Seconds()); ticks == 0 || ticks > maximum {
		t.Errorf("%v ticks in %v, want at most %v", ticks, time.Since(begin), maximum)
	}
}

// checkTopic compares the events of one topic after and before positions with a filter
// in Go.
func checkTopic(t *testing.T, s *Store, topic string, all []store.Record) {
	t.Helper()
	for i := 0; i < len(all); i += 13 {
		var before, after []store.Record
		for j, r := range all {
			switch {
			case r.Topic != topic || j == i:
			case j < i:
				before = append(before, r)
			default:
				after = append(after, r)
			}
		}
		newer, _, err := s.Newer(t.Context(), store.Filter{Topic: topic}, all[i].Position, 1000)
		if err != nil || !slices.Equal(newer, after) {
			t.Fatalf("after %v there are %d events of %q, %v; want %d", all[i].Position, len(newer), topic, err, len(after))
		}
		older, _, err := s.Older(t.Context(), store.Filter{Topic: topic}, all[i].Position, 1000)
		slices.Reverse(older)
		if err != nil || !slices.Equal(older, before) {
			t.Fatalf("before %v there are %d events of %q, %v; want %d", all[i].Position, len(older), topic, err, len(before))
		}
	}
}

// TestRestore_UnderRunningInstance dumps a database with pg_dump, appends more, and
// restores the dump over the data of a running instance. It stores what comes next and
// its order is right at once; positions from after the dump are foreign.
func TestRestore_UnderRunningInstance(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	if _, err := s.Append(ctx, someEvents("kept", 3)); err != nil {
		t.Fatal(err)
	}
	kept, err := s.StableHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(t.TempDir(), "dump.sql")
	tool(t, "pg_dump", "--schema=public", "--no-owner", "--file="+dump, urlOf(t, s))
	lost := someEvents("lost", 2)
	lost[1].Topic = "a topic that the dump does not know"
	if _, err := s.Append(ctx, lost); err != nil {
		t.Fatal(err)
	}
	gone, err := s.StableHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// pg_dump --clean can't drop the partitions one by one, so the schema goes first.
	tool(t, "psql", "--single-transaction", "--set=ON_ERROR_STOP=1", "--command=DROP SCHEMA public CASCADE", "--file="+dump, urlOf(t, s))
	again := someEvents("again", 2)
	again[1].Topic = "another new topic"
	var outcomes []event.Outcome
	suitetest.Eventually(t, "the sessions know the new tables", func() bool {
		outcomes, err = s.Append(ctx, append(slices.Clone(again), someEvents("kept", 1)...))
		return err == nil
	})
	if want := []event.Outcome{event.Stored, event.Stored, event.Duplicate}; !slices.Equal(outcomes, want) {
		t.Errorf("after the restore: %v, want %v", outcomes, want)
	}
	if got := idsAfter(t, s, kept); !slices.Equal(got, []string{"again-0", "again-1"}) {
		t.Errorf("after the position from before the dump there are %v", got)
	}
	if got := idsAfter(t, s, store.Position{}); len(got) != 5 {
		t.Errorf("in all there are %v, want 5 events", got)
	}
	if _, _, err := s.Newer(ctx, store.Filter{}, gone, 10); err == nil {
		t.Errorf("a position from after the dump is accepted: %v", gone)
	}
	if stats, err := s.Stats(ctx); err != nil || stats != (store.Stats{Received: 6, Stored: 5, Kept: 5, Duplicates: 1, Topics: 2}) {
		t.Errorf("counted %+v, %v", stats, err)
	}
}

// tool runs a program of PostgreSQL.
func tool(t *testing.T, name string, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
