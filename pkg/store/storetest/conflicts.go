package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// repeats are repeats of the event of conflictBase by the outcome that they must get.
func repeats() map[string]struct {
	change func(*event.Event)
	want   event.Outcome
} {
	return map[string]struct {
		change func(*event.Event)
		want   event.Outcome
	}{
		"the same event":             {func(*event.Event) {}, event.Duplicate},
		"members in another order":   {func(e *event.Event) { e.Payload = `{"b":[1.5,"x"],"a":9007199254740993}` }, event.Duplicate},
		"a number spelled otherwise": {func(e *event.Event) { e.Payload = `{"a":9007199254740993,"b":[15e-1,"x"]}` }, event.Duplicate},
		"a text spelled otherwise":   {func(e *event.Event) { e.Payload = `{"a":9007199254740993,"b":[1.5,"\u0078"]}` }, event.Duplicate},
		"the last of many digits":    {func(e *event.Event) { e.Payload = `{"a":9007199254740992,"b":[1.5,"x"]}` }, event.Conflict},
		"another order in an array":  {func(e *event.Event) { e.Payload = `{"a":9007199254740993,"b":["x",1.5]}` }, event.Conflict},
		"another payload":            {func(e *event.Event) { e.Payload = `{}` }, event.Conflict},
		"another source":             {func(e *event.Event) { e.Source = "other" }, event.Conflict},
		"another time":               {func(e *event.Event) { e.Timestamp = e.Timestamp.Add(time.Microsecond) }, event.Conflict},
	}
}

func conflictBase(topic, id string) event.Event {
	e := newEvent(topic, id)
	e.Payload = `{"a":9007199254740993,"b":[1.5,"x"]}`
	return e
}

// conflicts sends each repeat alone, inside the batch of the first event, and in a batch
// after a restart.
func conflicts(t *testing.T, h Harness) {
	s := h.Open(t)
	var again []event.Event
	var outcomes []event.Outcome
	var want store.Stats
	for name, row := range repeats() {
		alone, inside := conflictBase("alone", name), conflictBase("inside", name)
		checkOutcomes(t, mustAppend(t, s, alone), event.Stored)
		row.change(&alone)
		if got := mustAppend(t, s, alone); got[0] != row.want {
			t.Errorf("%s alone: %v, want %v", name, got, row.want)
		}
		repeated := inside
		row.change(&repeated)
		if got := mustAppend(t, s, inside, repeated, repeated); got[0] != event.Stored || got[1] != row.want || got[2] != row.want {
			t.Errorf("%s inside of a batch: %v, want stored and %v twice", name, got, row.want)
		}
		again = append(again, repeated, alone, inside) // the last one is as it was stored
		outcomes = append(outcomes, row.want, row.want, event.Duplicate)
		want.Stored += 2
		want.Duplicates += 6
		if row.want == event.Conflict {
			want.Conflicts += 5
		}
	}
	want.Received, want.Kept, want.Topics = want.Stored+want.Duplicates, want.Stored, 2
	s = h.Reopen(t, s)
	checkOutcomes(t, mustAppend(t, s, again...), outcomes...)
	if got := checkExact(t, s); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	for _, e := range mustTopicStats(t, s) {
		if e.Conflicts == 0 || e.Conflicts > e.Duplicates {
			t.Errorf("topic %s counts %+v", e.Topic, e)
		}
	}
}

// assignedTimes repeats events whose time the server assigns: a sender that repeats an
// event without a timestamp sends the same event, also after its data was dropped.
func assignedTimes(t *testing.T, h Harness) {
	s := h.Open(t)
	first := newEvents("t", 4)
	for i := range first {
		first[i].TimeAssigned = i < 3 // the last one has a time of its own
	}
	later, changed, inside := slices.Clone(first), slices.Clone(first), slices.Clone(first)
	for i := range later {
		later[i].TimeAssigned, later[i].Timestamp = true, later[i].Timestamp.Add(time.Second)
		changed[i] = later[i]
		changed[i].Source = "other"
		inside[i] = later[i]
		inside[i].Timestamp = later[i].Timestamp.Add(time.Second)
	}
	checkOutcomes(t, mustAppend(t, s, first...), repeat(event.Stored, 4)...)
	checkOutcomes(t, mustAppend(t, s, slices.Concat(later, inside)...), repeat(event.Duplicate, 8)...)
	checkOutcomes(t, mustAppend(t, s, changed...), repeat(event.Conflict, 4)...)
	if got := checkExact(t, s); got.Conflicts != 4 || got.Duplicates != 12 {
		t.Errorf("counted %+v", got)
	}
	dropAll(t, h, s)
	s = h.Reopen(t, s)
	checkOutcomes(t, mustAppend(t, s, later...), repeat(event.Duplicate, 4)...)
	checkExact(t, s)
}
