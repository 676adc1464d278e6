package queuetest

import (
	"slices"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
)

// hour is longer than any test: nothing is idle for so long.
const hour = time.Hour

func unfinishedFirst(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	for range 3 {
		mustAppend(t, q, newEvents("first", 2)...)
	}
	first := mustReceive(t, c, soon)
	later := newEvents("later", 1)
	mustAppend(t, q, later...)
	for attempt := range 10 { // more than deliveries are allowed
		again := mustReceive(t, c, atOnce)
		if len(again) < len(first) {
			t.Fatalf("attempt %d: %d messages come again, want %d", attempt, len(again), len(first))
		}
		for i, m := range first {
			if again[i].Ref != m.Ref || again[i].ID != m.ID || again[i].Deliveries != 1 || !again[i].QueuedAt.Equal(m.QueuedAt) {
				t.Errorf("attempt %d: message %d is %+v, was %+v", attempt, i, again[i], m)
			}
		}
	}
	checkSize(t, q, 7, 0)
	mustDone(t, c, first[0])
	if again := mustReceive(t, c, atOnce); slices.ContainsFunc(again, func(m queue.Message) bool { return m.Ref == first[0].Ref }) {
		t.Errorf("what is done comes again: %+v", again)
	}
	drain(t, c)
	checkSize(t, q, 0, 0)
}

func doneTwice(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	mustAppend(t, q, newEvents("a", 4)...)
	messages := mustReceive(t, c, soon)
	mustAppend(t, q, newEvents("b", 3)...)
	for range 3 {
		mustDone(t, c, messages...)
		checkSize(t, q, 3, 0)
	}
	mustDone(t, c, append(slices.Clone(messages), messages...)...)
	mustDone(t, q.Consumer("two"), messages...)
	mustDone(t, c)
	checkSize(t, q, 3, 0)
	checkEvents(t, drain(t, c), newEvents("b", 3))
	checkSize(t, q, 0, 0)
}

// claimSoon claims what was idle for a moment, until there is something.
func claimSoon(t *testing.T, c queue.Consumer) []queue.Message {
	t.Helper()
	var messages []queue.Message
	eventually(t, "something can be claimed", func() bool {
		messages = mustClaim(t, c, time.Millisecond)
		return len(messages) > 0
	})
	return messages
}

func claimed(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	want := newEvents("held", 5)
	mustAppend(t, q, want...)
	if messages := mustClaim(t, q.Consumer("early"), 0); len(messages) != 0 {
		t.Errorf("claimed %+v, which nobody was given", messages)
	}
	held := mustReceive(t, q.Consumer("crashes"), soon)
	var ids []string
	for deliveries := int64(2); deliveries < 5; deliveries++ {
		c := q.Consumer("heir " + string(rune('0'+deliveries)))
		if messages := mustClaim(t, c, hour); len(messages) != 0 {
			t.Fatalf("claimed %+v before its time", messages)
		}
		if messages := mustReceive(t, c, atOnce); len(messages) != 0 {
			t.Fatalf("received %+v, which another holds", messages)
		}
		messages := claimSoon(t, c)
		for _, m := range messages {
			if m.Deliveries != deliveries || m.ID != held[0].ID || !m.QueuedAt.Equal(held[0].QueuedAt) {
				t.Errorf("claimed %+v as delivery %d of %+v", m, deliveries, held[0])
			}
			ids = append(ids, m.Ref)
		}
		checkEvents(t, eventsOf(messages), want)
		again := mustReceive(t, c, atOnce)
		if len(again) != len(messages) || again[0].Deliveries != deliveries {
			t.Errorf("what was claimed comes again as %+v", again)
		}
		if own := mustClaim(t, c, 0); len(own) != 0 {
			t.Errorf("claimed from itself: %+v", own)
		}
		if deliveries == 4 {
			mustDone(t, c, messages...)
		}
	}
	if len(ids) != 3 {
		t.Errorf("claimed %q", ids)
	}
	checkSize(t, q, 0, 0)
}

func takenOver(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	slow, other := q.Consumer("slow"), q.Consumer("other")
	mustAppend(t, q, newEvents("a", 2)...)
	held := mustReceive(t, slow, soon)
	taken := claimSoon(t, other)
	if again := mustReceive(t, slow, atOnce); len(again) != 0 {
		t.Errorf("the slow one is given again what another has: %+v", again)
	}
	mustDone(t, slow, held...) // it was stored after all
	checkSize(t, q, 0, 0)
	if again := mustReceive(t, other, atOnce); len(again) != 0 {
		t.Errorf("what is done comes again: %+v", again)
	}
	mustDone(t, other, taken...)
	checkSize(t, q, 0, 0)
}

func leaving(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	want := newEvents("a", 3)
	mustAppend(t, q, want...)
	idle, busy := q.Consumer("idle"), q.Consumer("busy")
	mustReceive(t, busy, soon)
	mustReceive(t, idle, atOnce)
	for _, c := range []queue.Consumer{idle, busy, q.Consumer("unheard of")} {
		if err := c.Leave(t.Context()); err != nil {
			t.Errorf("leave: %v", err)
		}
	}
	checkSize(t, q, len(want), 0)
	heir := q.Consumer("heir")
	messages := claimSoon(t, heir)
	checkEvents(t, eventsOf(messages), want)
	mustDone(t, heir, messages...)
	checkSize(t, q, 0, 0)
}

func pruning(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	tender := q.Consumer("tender")
	if err := tender.Prune(t.Context(), 0); err != nil {
		t.Errorf("prune an empty queue: %v", err)
	}
	want := newEvents("a", 3)
	mustAppend(t, q, want...)
	silent, busy := q.Consumer("silent"), q.Consumer("busy")
	held := mustReceive(t, busy, soon)
	mustReceive(t, silent, atOnce)
	for _, idle := range []time.Duration{hour, 0} {
		if err := tender.Prune(t.Context(), idle); err != nil {
			t.Errorf("prune: %v", err)
		}
	}
	if again := mustReceive(t, busy, atOnce); len(again) != len(held) {
		t.Errorf("after pruning %+v come again, want %+v", again, held)
	}
	more := newEvents("b", 2)
	mustAppend(t, q, more...)
	checkEvents(t, drain(t, silent), more) // one that was forgotten works again
	mustDone(t, busy, held...)
	checkSize(t, q, 0, 0)
}

func horizon(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	ask := func() time.Time {
		t.Helper()
		at, err := q.LowWatermark(t.Context())
		if err != nil {
			t.Fatalf("horizon: %v", err)
		}
		return at
	}
	ask()
	mustAppend(t, q, newEvents("a", 1)...)
	first := mustReceive(t, c, soon)
	mustAppend(t, q, newEvents("b", 1)...)
	check := func(when string) {
		t.Helper()
		if at := ask(); at.After(first[0].QueuedAt) {
			t.Errorf("%s the horizon is %v, past %v", when, at, first[0].QueuedAt)
		}
	}
	check("with two queued")
	claimSoon(t, q.Consumer("two"))
	check("after a claim")
	mustDone(t, c, first...)
	second := mustReceive(t, c, soon)
	if at := ask(); at.After(second[0].QueuedAt) {
		t.Errorf("with one queued the horizon is %v, past %v", at, second[0].QueuedAt)
	}
	mustDone(t, c, second...)
	eventually(t, "the horizon of an empty queue moves on", func() bool { return ask().After(second[0].QueuedAt) })
	// What comes now is not before what was said, to the millisecond.
	said := ask()
	mustAppend(t, q, newEvents("c", 1)...)
	if third := mustReceive(t, c, soon); third[0].QueuedAt.Before(said) {
		t.Errorf("queued at %v, before the horizon %v", third[0].QueuedAt, said)
	}
}

func shelved(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c, other := q.Consumer("one"), q.Consumer("other")
	aside := receiveOne(t, q, c, newEvents("aside", 2)...)
	c.Park([]queue.Message{aside})
	if again := mustReceive(t, c, atOnce); len(again) != 0 {
		t.Errorf("what is shelved comes again: %+v", again)
	}
	next := newEvents("next", 3)
	mustAppend(t, q, next...)
	messages := mustReceive(t, c, soon)
	checkEvents(t, eventsOf(messages), next)
	mustDone(t, c, messages...)
	// Each Receive says that it is still being worked on.
	const idle = 2 * time.Second
	for began := time.Now(); time.Since(began) < idle+idle/2; {
		mustReceive(t, c, idle/8)
	}
	if taken := mustClaim(t, other, idle); len(taken) != 0 {
		t.Errorf("what is shelved was claimed: %+v", taken)
	}
	c.Park(nil)
	again := mustReceive(t, c, soon)
	if len(again) != 1 || again[0].ID != aside.ID || again[0].Deliveries != 1 {
		t.Errorf("from the shelf comes %+v, want %+v", again, aside)
	}
	c.Park(again)
	if err := c.Split(t.Context(), aside); err != nil {
		t.Errorf("split: %v", err)
	}
	checkEvents(t, drain(t, c), aside.Events)
	checkSize(t, q, 0, 0)
}

func kept(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c, other := q.Consumer("one"), q.Consumer("other")
	if err := c.Renew(t.Context()); err != nil {
		t.Errorf("keep nothing: %v", err)
	}
	m := receiveOne(t, q, c, newEvents("a", 2)...)
	const idle = 2 * time.Second
	for began := time.Now(); time.Since(began) < idle+idle/2; <-time.After(idle / 8) {
		if err := c.Renew(t.Context()); err != nil {
			t.Fatalf("keep: %v", err)
		}
	}
	if taken := mustClaim(t, other, idle); len(taken) != 0 {
		t.Errorf("what is kept was claimed: %+v", taken)
	}
	if again := mustReceive(t, c, atOnce); len(again) != 1 || again[0].Ref != m.Ref || again[0].Deliveries != 1 {
		t.Errorf("what was kept comes as %+v, was %+v", again, m)
	}
	var taken []queue.Message
	eventually(t, "what is not kept is claimed", func() bool {
		taken = mustClaim(t, other, idle/8)
		return len(taken) > 0
	})
	if err := c.Renew(t.Context()); err != nil {
		t.Errorf("keep what another has: %v", err)
	}
	if again := mustReceive(t, c, atOnce); len(again) != 0 {
		t.Errorf("what another has is taken back: %+v", again)
	}
	mustDone(t, other, taken...)
	checkSize(t, q, 0, 0)
}
