package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// mustRetain calls Retain until there is nothing left to drop.
func mustRetain(t *testing.T, r store.Retainer, retention store.Retention) (sum store.Retained) {
	t.Helper()
	for step := (store.Retained{More: true}); step.More || step.Blocked; {
		var err error
		if step, err = r.Retain(t.Context(), retention); err != nil {
			t.Fatalf("retain: %v", err)
		}
		sum.Events += step.Events
		sum.Identities += step.Identities
		sum.LogRows += step.LogRows
	}
	return sum
}

// dropAll drops all present events.
func dropAll(t *testing.T, h Harness, s store.Store) store.Retained {
	t.Helper()
	retainer, now := h.Age(t, s)
	return mustRetain(t, retainer, store.Retention{DataBefore: now})
}

// droppedData drops the older events of two topics.
func droppedData(t *testing.T, h Harness) {
	s := h.Open(t)
	old := slices.Concat(newEvents("a", 40), newEvents("both", 600))
	kept := append(newEvents("b", 30), newEvent("both", "new"))
	mustAppend(t, s, old...)
	mustAppend(t, s, old[:7]...)
	retainer, now := h.Age(t, s)
	mustAppend(t, s, kept...)
	topics := mustTopicStats(t, s)

	checkHoldings(t, retainer, now, 640, 31)
	if dropped := mustRetain(t, retainer, store.Retention{DataBefore: now}); dropped.Events != 640 || dropped.Identities != 0 {
		t.Errorf("dropped %+v, want 640 events", dropped)
	}
	checkHoldings(t, retainer, now, 0, 31)
	for range 2 {
		checkRecords(t, reversed(walkAll(t, s)), kept)
		if got := checkExact(t, s); got != (store.Stats{Received: 678, Stored: 671, Kept: 31, Duplicates: 7, Topics: 3}) {
			t.Errorf("counted %+v", got)
		}
		if got := mustTopicStats(t, s); !slices.Equal(got, topics) {
			t.Errorf("topics are %+v, before %+v", got, topics)
		}
		checkDroppedEvent(t, s, old[0].Key(), store.ErrDropped)
		checkDroppedEvent(t, s, old[639].Key(), store.ErrDropped)
		checkDroppedEvent(t, s, event.Key{Topic: "a", ID: "never"}, store.ErrNotFound)
		mustEvent(t, s, kept[0].Key())
		s = h.Reopen(t, s)
	}
	changed := old[1]
	changed.Source = "other"
	checkOutcomes(t, mustAppend(t, s, old[0]), event.Duplicate)
	checkOutcomes(t, mustAppend(t, s, old[639], kept[0], newEvent("both", "newer"), changed), event.Duplicate, event.Duplicate, event.Stored, event.Conflict)
	if got := checkExact(t, s); got.Kept != 32 || got.Stored != 672 || got.Conflicts != 1 {
		t.Errorf("counted %+v after the repeats", got)
	}
}

func checkDroppedEvent(t *testing.T, s store.EventReader, key event.Key, want error) {
	t.Helper()
	if record, err := s.Event(t.Context(), key); !errors.Is(err, want) {
		t.Errorf("event %q: %+v, %v, want the error %v", key, record, err, want)
	}
}

// checkHoldings compares the numbers of events that can be dropped and of the others.
func checkHoldings(t *testing.T, r store.Retainer, before time.Time, droppable, others int64) {
	t.Helper()
	held, err := r.Holdings(t.Context(), store.Retention{DataBefore: before})
	if err != nil {
		t.Fatalf("holdings: %v", err)
	}
	for i, part := range held.Parts {
		if part.Droppable {
			droppable -= part.Events
		} else {
			others -= part.Events
		}
		if part.Events > 0 && (part.Bytes == 0 || held.Oldest.IsZero()) {
			t.Errorf("part %d has %+v, and the oldest event is of %v", i, part, held.Oldest)
		}
	}
	if droppable != 0 || others != 0 {
		t.Errorf("holdings lack %d events that can be dropped and %d others: %+v", droppable, others, held)
	}
}

func nothingDropped(t *testing.T, h Harness) {
	s := h.Open(t)
	events := newEvents("kept", 50)
	mustAppend(t, s, events...)
	retainer, now := h.Age(t, s)
	for _, retention := range []store.Retention{{}, {DataBefore: now.Add(-time.Hour)}, {DataBefore: now.Add(-time.Hour), IdentitiesBefore: now.Add(-time.Hour)}} {
		if dropped := mustRetain(t, retainer, retention); dropped != (store.Retained{}) {
			t.Errorf("%+v dropped %+v", retention, dropped)
		}
	}
	checkRecords(t, reversed(walkAll(t, s)), events)
	checkOutcomes(t, mustAppend(t, s, events...), repeat(event.Duplicate, 50)...)
	checkExact(t, s)
}

// droppedPositions drops twice, and reads after each position that the store returned
// before, during and after that.
func droppedPositions(t *testing.T, h Harness) {
	s := h.Open(t)
	var before []store.Position // of which later events are dropped
	var later []event.Event
	for round := range 2 {
		for batch := range 3 {
			events := newEvents(fmt.Sprint("round ", round, " topic ", batch), 10)
			mustAppend(t, s, events...)
			mustStableHead(t, s)
		}
		records := reversed(walkAll(t, s))
		for _, record := range records[:len(records)-1] {
			before = append(before, record.Position)
		}
		end := mustStableHead(t, s)
		last := records[len(records)-1].Position
		retainer, now := h.Age(t, s)
		later = newEvents(fmt.Sprint("later ", round), 15)
		mustAppend(t, s, later[:10]...)
		middle := mustStableHead(t, s)
		mustAppend(t, s, later[10:]...)
		mustStableHead(t, s)
		mustRetain(t, retainer, store.Retention{DataBefore: now})
		for name, position := range map[string]store.Position{"the beginning": {}, "the last dropped event": last, "the end of what was dropped": end} {
			checkRecords(t, follow(t, s, store.Filter{}, position, 7, 15), later)
			if t.Failed() {
				t.Fatalf("after %s, %v", name, position)
			}
		}
		checkRecords(t, follow(t, s, store.Filter{}, middle, 7, 5), later[10:])
		for _, position := range before {
			checkDroppedPosition(t, s, position, later)
		}
		before = append(before, last, end, middle)
	}
	checkRecords(t, reversed(walkAll(t, s)), later)
}

// checkDroppedPosition fails unless the store reports a gap after the position, and
// reading goes on from the position that it names.
func checkDroppedPosition(t *testing.T, s store.Store, position store.Position, later []event.Event) {
	t.Helper()
	for _, filter := range []store.Filter{{}, {Topic: "none"}, {ID: "none"}} {
		records, _, err := s.Newer(t.Context(), filter, position, 100)
		dropped, ok := errors.AsType[*store.DroppedError](err)
		if !ok || !errors.Is(err, store.ErrDropped) || len(records) > 0 {
			t.Fatalf("after %v: %d events and %v, want a DroppedError", position, len(records), err)
		}
		if filter == (store.Filter{}) {
			checkRecords(t, follow(t, s, filter, dropped.Next, 7, len(later)), later)
		}
	}
	records, more := mustOlder(t, s, store.Filter{}, position, 5)
	if len(records) > 0 || more {
		t.Errorf("before %v there are %d events, want none", position, len(records))
	}
}

func everythingDropped(t *testing.T, h Harness) {
	s := h.Open(t)
	events := newEvents("old", 100)
	mustAppend(t, s, events...)
	end := mustStableHead(t, s)
	for round := range 3 {
		dropAll(t, h, s)
		if records := walkAll(t, s); len(records) > 0 {
			t.Errorf("%d events are left", len(records))
		}
		for _, position := range []store.Position{{}, end, mustStableHead(t, s)} {
			records, _ := mustNewer(t, s, store.Filter{}, position, 10)
			checkRecords(t, records, nil)
		}
		foreign := end
		foreign.Tick, foreign.Commit = foreign.Tick+1000, foreign.Commit+1000
		if _, _, err := s.Newer(t.Context(), store.Filter{}, foreign, 5); !errors.Is(err, store.ErrForeignPosition) {
			t.Errorf("after a position beyond the end: %v, want ErrForeignPosition", err)
		}
		next := newEvent("next", fmt.Sprint(round))
		checkOutcomes(t, mustAppend(t, s, next, events[0]), event.Stored, event.Duplicate)
		checkRecords(t, follow(t, s, store.Filter{}, end, 10, 1), []event.Event{next})
		end = mustStableHead(t, s)
		checkExact(t, s)
		if round == 1 {
			s = h.Reopen(t, s)
		}
	}
}

// droppedIdentities appends more events than a store may keep together.
func droppedIdentities(t *testing.T, h Harness) {
	s := h.Open(t)
	const count = 12_000
	old := newEvents("old", count)
	mustAppend(t, s, old...)
	retainer, now := h.Age(t, s)
	mustAppend(t, s, newEvents("new", 20)...)
	if dropped := mustRetain(t, retainer, store.Retention{IdentitiesBefore: now}); dropped.Identities != 0 {
		t.Errorf("%d identities were dropped before their data", dropped.Identities)
	}
	checkOutcomes(t, mustAppend(t, s, old[0]), event.Duplicate)
	dropped := mustRetain(t, retainer, store.Retention{DataBefore: now, IdentitiesBefore: now})
	if dropped.Events != count || dropped.Identities < count/2 || dropped.Identities > count {
		t.Errorf("dropped %+v of %d", dropped, count)
	}
	checkDroppedEvent(t, s, old[0].Key(), store.ErrNotFound)
	checkOutcomes(t, mustAppend(t, s, old[0], newEvent("new", "000001")), event.Stored, event.Duplicate)
	if got := mustEvent(t, s, old[0].Key()); got.Event != old[0] {
		t.Errorf("the event that was stored again is %+v", got)
	}
	if got := checkExact(t, s); got.Stored != count+21 || got.Kept != 21 {
		t.Errorf("counted %+v", got)
	}
}

func droppedOnce(t *testing.T, h Harness) {
	s := h.Open(t)
	other := h.Reopen(t, s)
	mustAppend(t, s, newEvents("old", 3000)...)
	retainer, now := h.Age(t, s)
	second, _ := h.Age(t, other)
	dropped := make([]store.Retained, 3)
	var group errgroup.Group
	for i, r := range []store.Retainer{retainer, second} {
		group.Go(func() error {
			dropped[i] = mustRetain(t, r, store.Retention{DataBefore: now})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	dropped[2] = mustRetain(t, retainer, store.Retention{DataBefore: now})
	if sum := dropped[0].Events + dropped[1].Events + dropped[2].Events; sum != 3000 {
		t.Errorf("dropped %+v, which are %d events, want 3000", dropped, sum)
	}
	for _, instance := range []store.Store{s, other} {
		if got := checkExact(t, instance); got.Kept != 0 {
			t.Errorf("counted %+v", got)
		}
	}
}

// droppedUnderLoad drops again and again while events are appended and followed.
func droppedUnderLoad(t *testing.T, h Harness) {
	s := h.Open(t)
	const batches, size = 60, 20
	start := mustStableHead(t, s)
	l := startLoad(t, s, "load", 4, batches, size)
	var group errgroup.Group
	for _, page := range []int{1000, 7} {
		group.Go(func() error { return followDropped(t, s, start, page, batches*size) })
	}
	for l.active() {
		dropAll(t, h, s)
		if stats := mustStats(t, s); stats.Received != stats.Stored+stats.Duplicates || stats.Kept > stats.Stored {
			t.Errorf("counted %+v", stats)
		}
	}
	l.wait(t)
	mustAppend(t, s, newEvent("end", "1"))
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if stats := checkExact(t, s); stats.Stored != batches*size+1 {
		t.Errorf("counted %+v", stats)
	}
	dropAll(t, h, s)
	if stats := checkExact(t, s); stats.Kept != 0 {
		t.Errorf("counted %+v after everything was dropped", stats)
	}
}

// followDropped follows until the event of the topic "end". It gets no event twice, and
// all of them unless a read reports dropped ones.
func followDropped(t *testing.T, s store.Store, after store.Position, page, want int) error {
	t.Helper()
	seen, reported := map[event.Key]bool{}, 0
	var last store.Position
	deadline := time.Now().Add(suitetest.Timeout)
	for !seen[event.Key{Topic: "end", ID: "1"}] {
		if time.Now().After(deadline) {
			return fmt.Errorf("the follower has %d events and no end, after %v", len(seen), after)
		}
		records, next, err := s.Newer(t.Context(), store.Filter{}, after, page)
		if dropped, ok := errors.AsType[*store.DroppedError](err); ok {
			reported++
			if dropped.Next.Compare(after) < 0 {
				return fmt.Errorf("after %v the follower must go on from %v, which is before", after, dropped.Next)
			}
			after = dropped.Next
			continue
		}
		if err != nil {
			return err
		}
		for _, record := range records {
			if seen[record.Key()] || record.Position.Compare(last) <= 0 {
				return fmt.Errorf("%v came again, or %v after %v", record.Key(), record.Position, last)
			}
			seen[record.Key()], last = true, record.Position
		}
		after = next
	}
	if reported == 0 && len(seen) != want+1 {
		return fmt.Errorf("the follower has %d of %d events, and no gap was reported", len(seen), want+1)
	}
	return nil
}
