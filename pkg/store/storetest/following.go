package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// newerPages reads newer events from the beginning, the middle and the end.
func newerPages(t *testing.T, h Harness) {
	s := h.Open(t)
	var stored []event.Event
	for batch := range 4 {
		events := newEvents(fmt.Sprintf("topic %d", batch), 10)
		mustAppend(t, s, events...)
		stored = append(stored, events...)
	}
	for _, page := range []int{1, 7, 10, 1000} {
		records := follow(t, s, store.Filter{}, store.Position{}, page, len(stored))
		checkRecords(t, records, stored)
		checkAscending(t, records)
		middle := follow(t, s, store.Filter{}, records[14].Position, page, len(stored)-15)
		checkRecords(t, middle, stored[15:])
	}
	_, next := mustNewer(t, s, store.Filter{}, store.Position{}, 1000)
	for range 3 { // nothing new: no error and no repeated event
		var records []store.Record
		records, next = mustNewer(t, s, store.Filter{}, next, 1000)
		checkRecords(t, records, nil)
	}
	mustAppend(t, s, newEvent("topic 0", "later"), newEvent("topic 1", "later"))
	checkRecords(t, follow(t, s, store.Filter{}, next, 1000, 2), []event.Event{newEvent("topic 0", "later"), newEvent("topic 1", "later")})
}

// foreignPositions reads after every position that the store has returned, and
// after a position beyond them, which a follower of other data may have.
func foreignPositions(t *testing.T, h Harness) {
	s := h.Open(t)
	returned := []store.Position{{}, mustStableHead(t, s)}
	_, next := mustNewer(t, s, store.Filter{}, store.Position{}, 10)
	returned = append(returned, next)
	for batch := range 4 {
		checkForeign(t, s, returned)
		mustAppend(t, s, newEvents(fmt.Sprintf("topic %d", batch), 3)...)
		for _, record := range walkAll(t, s) { // including those that are not stable yet
			returned = append(returned, record.Position)
		}
		_, next = mustNewer(t, s, store.Filter{Topic: "topic 0"}, next, 2)
		returned = append(returned, mustStableHead(t, s), next)
	}
	checkForeign(t, s, returned)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkForeign(t, h.Reopen(t, s), returned)
}

// checkForeign fails unless the store accepts every position that it returned,
// and rejects one after all of them.
func checkForeign(t *testing.T, s store.Store, returned []store.Position) {
	t.Helper()
	for _, position := range returned {
		mustNewer(t, s, store.Filter{}, position, 5)
	}
	beyond := slices.MaxFunc(returned, store.Position.Compare)
	beyond.Commit += 1_000_000
	for _, filter := range []store.Filter{{}, {Topic: "topic 0"}, {Topic: "none"}} {
		if records, _, err := s.Newer(t.Context(), filter, beyond, 5); !errors.Is(err, store.ErrForeignPosition) || len(records) != 0 {
			t.Errorf("after %v there are %d events, %v; want ErrForeignPosition", beyond, len(records), err)
		}
	}
}

// replacedData appends different events to a store, to its backup and to another
// store. Then no position of one is after all events of the others.
func replacedData(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvents("topic 0", 7)...)
	common := allPositions(t, s, 7)
	backup := h.Copy(t, s)
	other := h.Open(t)
	mustAppend(t, backup, newEvents("topic 1", 5)...)
	mustAppend(t, s, newEvents("topic 2", 5)...)
	foreign := allPositions(t, s, 12)[len(common)-2:] // without the first events, which both have
	for _, events := range [][]event.Event{newEvents("topic 3", 5), newEvents("topic 4", 5), newEvents("topic 5", 5)} {
		for _, replaced := range []store.Store{backup, other} {
			mustAppend(t, replaced, events...)
			mustStableHead(t, replaced) // gives these events their place in the order
		}
	}
	for _, position := range common {
		mustOlder(t, backup, store.Filter{}, position, 5)
		mustNewer(t, backup, store.Filter{}, position, 5)
	}
	checkRecords(t, follow(t, backup, store.Filter{Topic: "topic 1"}, common[len(common)-1], 5, 5), newEvents("topic 1", 5))
	checkReplaced(t, backup, foreign)
	checkReplaced(t, other, append(common, foreign...))
	for _, position := range foreign { // a cursor of a version without fingerprints
		position.Fingerprint = 0
		mustOlder(t, other, store.Filter{}, position, 5)
		mustNewer(t, other, store.Filter{}, position, 5)
	}
}

// allPositions returns the positions of all events of a store, oldest first, and
// the two after them that Newer and StableHead return.
func allPositions(t *testing.T, s store.Store, events int) []store.Position {
	t.Helper()
	var positions []store.Position
	for _, record := range follow(t, s, store.Filter{}, store.Position{}, 100, events) {
		positions = append(positions, record.Position)
	}
	_, next := mustNewer(t, s, store.Filter{Topic: "none"}, positions[0], 100)
	return append(positions, next, mustStableHead(t, s))
}

// checkReplaced fails unless the store rejects every position.
func checkReplaced(t *testing.T, s store.Store, foreign []store.Position) {
	t.Helper()
	for _, position := range foreign {
		for _, filter := range []store.Filter{{}, {Topic: "topic 0"}, {Source: "none"}} {
			if records, _, err := s.Newer(t.Context(), filter, position, 5); !errors.Is(err, store.ErrForeignPosition) || len(records) != 0 {
				t.Errorf("after %v of other data there are %d events, %v; want ErrForeignPosition", position, len(records), err)
			}
			if records, _, err := s.Older(t.Context(), filter, position, 5); !errors.Is(err, store.ErrForeignPosition) || len(records) != 0 {
				t.Errorf("before %v of other data there are %d events, %v; want ErrForeignPosition", position, len(records), err)
			}
		}
	}
}

// stablePositions reads stable positions during appends. The events before such
// a position, read at once, and the events after it, read at the end, are all
// events.
func stablePositions(t *testing.T, h Harness) {
	s := h.Open(t)
	const batches, size = 60, 20
	mustAppend(t, s, newEvents("before", 25)...)
	l := startLoad(t, s, "load", 4, batches, size)
	type moment struct {
		position store.Position
		before   []store.Record
	}
	var moments []moment
	for l.active() && len(moments) < 20 {
		position := mustStableHead(t, s)
		moments = append(moments, moment{position, walk(t, s, store.Filter{}, position, 1000)})
	}
	l.wait(t)
	all := reversed(walkAll(t, s))
	for _, at := range moments {
		before := reversed(at.before)
		if again := reversed(walk(t, s, store.Filter{}, at.position, 1000)); !slices.Equal(before, again) {
			t.Fatalf("before %v there were first %d events and later %d", at.position, len(before), len(again))
		}
		after := follow(t, s, store.Filter{}, at.position, 250, len(all)-len(before))
		if got := slices.Concat(before, after); !slices.Equal(got, all) {
			t.Fatalf("%d events before %v and %d after are not all %d in order", len(before), at.position, len(after), len(all))
		}
	}
}

// followers start together and read during appends, with pages of different
// sizes. Each gets every later event once, and all get the same order.
func followers(t *testing.T, h Harness) {
	s := h.Open(t)
	const batches, size = 60, 20
	mustAppend(t, s, newEvents("before", 25)...)
	suitetest.Eventually(t, "all stored events are stable", func() bool {
		return len(walk(t, s, store.Filter{}, mustStableHead(t, s), 1000)) == 25
	})
	start := mustStableHead(t, s)
	l := startLoad(t, s, "load", 4, batches, size)
	ctx, cancel := context.WithTimeout(t.Context(), suitetest.Timeout)
	defer cancel()
	seen := make([][]store.Record, 3)
	var group errgroup.Group
	for i, page := range []int{1000, 33, 7} {
		group.Go(func() error {
			records, after := []store.Record(nil), start
			for len(records) < batches*size {
				page, next, err := s.Newer(ctx, store.Filter{}, after, page)
				if err != nil {
					return err
				}
				records, after = append(records, page...), next
			}
			seen[i] = records
			return nil
		})
	}
	l.wait(t)
	if err := group.Wait(); err != nil {
		t.Fatalf("follow: %v", err)
	}
	checkAscending(t, seen[0])
	for i, records := range seen {
		if len(records) != batches*size || !slices.Equal(records, seen[0]) {
			t.Errorf("follower %d got %d events, want the same %d as the others in order", i, len(records), batches*size)
		}
	}
	if all := reversed(walkAll(t, s)); !slices.Equal(all[25:], seen[0]) {
		t.Error("followers got another order than the pages of older events")
	}
}
