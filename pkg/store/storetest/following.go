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

// walkNewer reads onwards from the beginning, the middle and the end.
func walkNewer(t *testing.T, h Harness) {
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
	for range 3 { // nothing new: no error, and no event again
		var records []store.Record
		records, next = mustNewer(t, s, store.Filter{}, next, 1000)
		checkRecords(t, records, nil)
	}
	mustAppend(t, s, newEvent("topic 0", "later"), newEvent("topic 1", "later"))
	checkRecords(t, follow(t, s, store.Filter{}, next, 1000, 2), []event.Event{newEvent("topic 0", "later"), newEvent("topic 1", "later")})
}

// foreignPositions asks for what comes after places that the store has given
// out, and after one that lies beyond them, as a follower of other data has it.
func foreignPositions(t *testing.T, h Harness) {
	s := h.Open(t)
	given := []store.Position{{}, mustSettled(t, s)}
	_, next := mustNewer(t, s, store.Filter{}, store.Position{}, 10)
	given = append(given, next)
	for batch := range 4 {
		checkForeign(t, s, given)
		mustAppend(t, s, newEvents(fmt.Sprintf("topic %d", batch), 3)...)
		for _, record := range walkAll(t, s) { // also those that are not settled yet
			given = append(given, record.Position)
		}
		_, next = mustNewer(t, s, store.Filter{Topic: "topic 0"}, next, 2)
		given = append(given, mustSettled(t, s), next)
	}
	checkForeign(t, s, given)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkForeign(t, h.Reopen(t, s), given)
}

// checkForeign fails unless every position given out is taken, and one beyond
// all of them is not.
func checkForeign(t *testing.T, s store.Store, given []store.Position) {
	t.Helper()
	for _, position := range given {
		mustNewer(t, s, store.Filter{}, position, 5)
	}
	beyond := slices.MaxFunc(given, store.Position.Compare)
	beyond.Commit += 1_000_000
	for _, filter := range []store.Filter{{}, {Topic: "topic 0"}, {Topic: "none"}} {
		if records, _, err := s.Newer(t.Context(), filter, beyond, 5); !errors.Is(err, store.ErrForeignPosition) || len(records) != 0 {
			t.Errorf("after %v there are %d events, %v; want ErrForeignPosition", beyond, len(records), err)
		}
	}
}

// replacedData has a store, its backup, and another store, which go on with
// other events, so that places of the one are no longer beyond the others'.
func replacedData(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvents("topic 0", 7)...)
	common := takePlaces(t, s, 7)
	backup := h.Copy(t, s)
	other := h.Open(t)
	mustAppend(t, backup, newEvents("topic 1", 5)...)
	mustAppend(t, s, newEvents("topic 2", 5)...)
	foreign := takePlaces(t, s, 12)[len(common)-2:] // without the first events, which both have
	for _, events := range [][]event.Event{newEvents("topic 3", 5), newEvents("topic 4", 5), newEvents("topic 5", 5)} {
		mustAppend(t, backup, events...)
		mustAppend(t, other, events...)
	}
	for _, position := range common {
		mustOlder(t, backup, store.Filter{}, position, 5)
		mustNewer(t, backup, store.Filter{}, position, 5)
	}
	checkRecords(t, follow(t, backup, store.Filter{Topic: "topic 1"}, common[len(common)-1], 5, 5), newEvents("topic 1", 5))
	checkReplaced(t, backup, foreign)
	checkReplaced(t, other, append(common, foreign...))
	for _, position := range foreign { // as a cursor has it that was given out before there were marks
		position.Fingerprint = 0
		mustOlder(t, other, store.Filter{}, position, 5)
		mustNewer(t, other, store.Filter{}, position, 5)
	}
}

// takePlaces returns the places of all the events of a store, oldest first, and
// those behind them, which a follower gets and [store.EventReader].StableHead.
func takePlaces(t *testing.T, s store.Store, events int) []store.Position {
	t.Helper()
	var places []store.Position
	for _, record := range follow(t, s, store.Filter{}, store.Position{}, 100, events) {
		places = append(places, record.Position)
	}
	_, next := mustNewer(t, s, store.Filter{Topic: "none"}, places[0], 100)
	return append(places, next, mustSettled(t, s))
}

// checkReplaced fails unless every position is refused.
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

// settledParts takes positions while others append. Whenever one was taken,
// what lies before it and what comes after it are, in the end, everything.
func settledParts(t *testing.T, h Harness) {
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
		position := mustSettled(t, s)
		moments = append(moments, moment{position, walk(t, s, store.Filter{}, position, 1000)})
	}
	l.wait(t)
	all := reversed(walkAll(t, s))
	for _, at := range moments {
		before := reversed(at.before)
		if again := reversed(walk(t, s, store.Filter{}, at.position, 1000)); !slices.Equal(before, again) {
			t.Fatalf("before %v there were %d events, and later %d", at.position, len(before), len(again))
		}
		after := follow(t, s, store.Filter{}, at.position, 250, len(all)-len(before))
		if got := slices.Concat(before, after); !slices.Equal(got, all) {
			t.Fatalf("%d events before %v and %d after are not all %d in their order", len(before), at.position, len(after), len(all))
		}
	}
}

// followers start together and read beside the writers. Each sees every later
// event once, and all see the same order, with pages of different sizes.
func followers(t *testing.T, h Harness) {
	s := h.Open(t)
	const batches, size = 60, 20
	mustAppend(t, s, newEvents("before", 25)...)
	suitetest.Eventually(t, "what is stored has settled", func() bool {
		return len(walk(t, s, store.Filter{}, mustSettled(t, s), 1000)) == 25
	})
	start := mustSettled(t, s)
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
			t.Errorf("follower %d saw %d events, not the %d of the others in their order", i, len(records), batches*size)
		}
	}
	if all := reversed(walkAll(t, s)); !slices.Equal(all[25:], seen[0]) {
		t.Error("followers saw another order than a walk shows")
	}
}
