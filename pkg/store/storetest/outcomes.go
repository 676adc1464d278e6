package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

func storedThenDuplicate(t *testing.T, h Harness) {
	s := h.Open(t)
	first := newEvent("login", "1")
	repeated := first
	repeated.Source, repeated.Payload = "another", `{"other":true}`
	checkOutcomes(t, mustAppend(t, s, first), event.Stored)
	for range 3 {
		checkOutcomes(t, mustAppend(t, s, repeated), event.Conflict)
	}
	record := mustEvent(t, s, first.Key())
	if record.Event != first {
		t.Errorf("a repeat changed the event to %+v", record.Event)
	}
	if record.CreatedAt.IsZero() || record.Position.IsZero() {
		t.Errorf("the record has no time or no position: %+v", record)
	}
	if stats := checkExact(t, s); stats.Stored != 1 || stats.Duplicates != 3 {
		t.Errorf("counted %+v, want 1 stored and 3 duplicates", stats)
	}
}

func duplicateInsideBatch(t *testing.T, h Harness) {
	s := h.Open(t)
	first, other := newEvent("login", "1"), newEvent("login", "2")
	repeated := first
	repeated.Payload = `{"which":"second"}`
	repeated.Timestamp = repeated.Timestamp.AddDate(1, 0, 0)
	checkOutcomes(t, mustAppend(t, s, first, repeated, other, repeated),
		event.Stored, event.Conflict, event.Stored, event.Conflict)
	if record := mustEvent(t, s, first.Key()); record.Event != first {
		t.Errorf("stored %+v, want the first of the batch", record.Event)
	}
	if stats := checkExact(t, s); stats.Stored != 2 || stats.Duplicates != 2 || stats.Topics != 1 {
		t.Errorf("counted %+v, want 2 stored and 2 duplicates in 1 topic", stats)
	}
}

func sameIDInTwoTopics(t *testing.T, h Harness) {
	s := h.Open(t)
	checkOutcomes(t, mustAppend(t, s, newEvent("login", "1"), newEvent("logout", "1")), event.Stored, event.Stored)
	checkOutcomes(t, mustAppend(t, s, newEvent("logout", "1"), newEvent("other", "1")), event.Duplicate, event.Stored)
	if stats := checkExact(t, s); stats.Topics != 3 || stats.Stored != 3 {
		t.Errorf("counted %+v, want 3 stored in 3 topics", stats)
	}
}

// nearKeys appends keys that become equal under a collation, after trimming, or
// if topic and ID are joined.
func nearKeys(t *testing.T, h Harness) {
	s := h.Open(t)
	keys := []event.Key{
		{Topic: "a", ID: "b"}, {Topic: "a", ID: "B"}, {Topic: "A", ID: "b"}, {Topic: "a", ID: "b "}, {Topic: "a", ID: " b"},
		{Topic: "a b", ID: "c"}, {Topic: "a", ID: "b c"}, {Topic: "a:b", ID: "c"}, {Topic: "a", ID: "b:c"},
		{Topic: "ab", ID: "c"}, {Topic: "a", ID: "bc"}, {Topic: "é", ID: "1"}, {Topic: "e\u0301", ID: "1"}, {Topic: "e", ID: "1"},
		{Topic: "ß", ID: "1"}, {Topic: "ss", ID: "1"}, {Topic: "ſs", ID: "1"}, {Topic: "1", ID: "1"}, {Topic: "01", ID: "1"}, {Topic: "1.0", ID: "1"},
		{Topic: "\ufeffa", ID: "b"}, {Topic: "a\u200b", ID: "b"}, {Topic: "a\u00ad", ID: "b"}, {Topic: "İ", ID: "1"}, {Topic: "i", ID: "1"}, {Topic: "I", ID: "1"},
	}
	events := make([]event.Event, len(keys))
	for i, key := range keys {
		events[i] = newEvent(key.Topic, key.ID)
	}
	checkOutcomes(t, mustAppend(t, s, events...), repeat(event.Stored, len(events))...)
	checkOutcomes(t, mustAppend(t, s, reversed(events)...), repeat(event.Duplicate, len(events))...)
	for _, e := range events {
		if record := mustEvent(t, s, e.Key()); record.Event != e {
			t.Errorf("read %q, got %q", e.Key(), record.Key())
		}
	}
	checkExact(t, s)
}

func outcomeOrder(t *testing.T, h Harness) {
	s := h.Open(t)
	events := newEvents("orders", 200)
	var known, mixed []event.Event
	var want []event.Outcome
	for i, e := range reversed(events) {
		outcome := event.Stored
		if i%3 == 0 {
			known = append(known, e)
			outcome = event.Duplicate
		}
		// Topics and keys in reverse order, in case the store sorts them.
		mixed, want = append(mixed, e), append(want, outcome)
	}
	mustAppend(t, s, known...)
	checkOutcomes(t, mustAppend(t, s, mixed...), want...)
	checkExact(t, s)
}

func emptyAppend(t *testing.T, h Harness) {
	s := h.Open(t)
	for _, events := range [][]event.Event{nil, {}} {
		outcomes, err := s.Append(context.Background(), events)
		if err != nil || len(outcomes) != 0 {
			t.Errorf("an empty append returned %v, %v", outcomes, err)
		}
	}
	if stats := checkExact(t, s); stats.Received != 0 {
		t.Errorf("an empty append was counted: %+v", stats)
	}
}

func reusedSlices(t *testing.T, h Harness) {
	s := h.Open(t)
	const rounds, size = 20, 50
	batch := make([]event.Event, size)
	results := make([][]event.Outcome, 0, rounds)
	for range 2 {
		for round := range rounds {
			for i := range batch {
				batch[i] = newEvent("reused", fmt.Sprintf("%06d", round*size+i))
			}
			results = append(results, mustAppend(t, s, batch...))
		}
	}
	for i, outcomes := range results {
		want := event.Stored
		if i >= rounds {
			want = event.Duplicate
		}
		checkOutcomes(t, outcomes, repeat(want, size)...)
	}
	checkRecords(t, reversed(walkAll(t, s)), newEvents("reused", rounds*size))
}

func largeBatch(t *testing.T, h Harness) {
	s := h.Open(t)
	const size = 20_000
	events := newEvents("large", size)
	checkOutcomes(t, mustAppend(t, s, events...), repeat(event.Stored, size)...)
	checkOutcomes(t, mustAppend(t, s, reversed(events)...), repeat(event.Duplicate, size)...)
	if stats := checkExact(t, s); stats.Stored != size || stats.Duplicates != size {
		t.Errorf("counted %+v, want %d stored and as many duplicates", stats, size)
	}
}
