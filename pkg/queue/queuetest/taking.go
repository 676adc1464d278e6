package queuetest

import (
	"slices"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// hour is longer than any test: no lease expires in it.
const hour = time.Hour

func receivedOnce(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	for range 3 {
		mustAppend(t, q, newEvents("first", 2)...)
	}
	first := mustReceive(t, c, soon)
	later := newEvents("later", 1)
	mustAppend(t, q, later...)
	second := mustReceive(t, c, soon)
	checkEvents(t, eventsOf(second), later)
	for range 3 {
		if again := mustReceive(t, c, atOnce); len(again) != 0 {
			t.Errorf("unfinished messages are received again: %+v", again)
		}
	}
	checkSize(t, q, 7, 0)
	mustAcknowledge(t, c, first...)
	mustAcknowledge(t, c, second...)
	checkSize(t, q, 0, 0)
}

func acknowledgedTwice(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	mustAppend(t, q, newEvents("a", 4)...)
	messages := mustReceive(t, c, soon)
	mustAppend(t, q, newEvents("b", 3)...)
	for range 3 {
		mustAcknowledge(t, c, messages...)
		checkSize(t, q, 3, 0)
	}
	mustAcknowledge(t, c, append(slices.Clone(messages), messages...)...)
	mustAcknowledge(t, q.Consumer("two"), messages...)
	mustAcknowledge(t, c)
	checkSize(t, q, 3, 0)
	checkEvents(t, drain(t, c), newEvents("b", 3))
	checkSize(t, q, 0, 0)
}

// claimSoon claims messages whose lease is a millisecond old, until there are some.
func claimSoon(t *testing.T, c queue.Consumer) []queue.Message {
	t.Helper()
	var messages []queue.Message
	suitetest.Eventually(t, "something can be claimed", func() bool {
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
		t.Errorf("claimed %+v, which no consumer has received", messages)
	}
	held := mustReceive(t, q.Consumer("crashes"), soon)
	for deliveries := int64(2); deliveries < 5; deliveries++ {
		c := q.Consumer("successor " + string(rune('0'+deliveries)))
		if messages := mustClaim(t, c, hour); len(messages) != 0 {
			t.Fatalf("claimed %+v before its lease expired", messages)
		}
		if messages := mustReceive(t, c, atOnce); len(messages) != 0 {
			t.Fatalf("received %+v, which another consumer has", messages)
		}
		messages := claimSoon(t, c)
		if len(messages) != 1 || messages[0].Deliveries != deliveries || messages[0].ID != held[0].ID || !messages[0].QueuedAt.Equal(held[0].QueuedAt) {
			t.Errorf("claimed %+v as delivery %d of %+v", messages, deliveries, held[0])
		}
		checkEvents(t, eventsOf(messages), want)
		if again := mustReceive(t, c, atOnce); len(again) != 0 {
			t.Errorf("a claimed message is received again: %+v", again)
		}
		if own := mustClaim(t, c, 0); len(own) != 0 {
			t.Errorf("claimed from itself: %+v", own)
		}
		if deliveries == 4 {
			mustAcknowledge(t, c, messages...)
		}
	}
	checkSize(t, q, 0, 0)
}

func leaseLost(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	slow, other := q.Consumer("slow"), q.Consumer("other")
	held := receiveOne(t, q, slow, newEvents("a", 2)...)
	taken := claimSoon(t, other)
	// The slow consumer no longer decides what becomes of the message.
	if err := slow.Split(t.Context(), held); err != nil {
		t.Errorf("split: %v", err)
	}
	if err := slow.MoveToDeadLetters(t.Context(), held, "reason"); err != nil {
		t.Errorf("move to the dead letters: %v", err)
	}
	if err := slow.Renew(t.Context()); err != nil {
		t.Errorf("renew: %v", err)
	}
	checkSize(t, q, 2, 0)
	if again := mustReceive(t, slow, atOnce); len(again) != 0 {
		t.Errorf("the slow consumer receives what another has: %+v", again)
	}
	mustAcknowledge(t, slow, held) // but it may have stored the events
	checkSize(t, q, 0, 0)
	mustAcknowledge(t, other, taken...)
	checkSize(t, q, 0, 0)
}

func leaving(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	want := newEvents("a", 3)
	mustAppend(t, q, want...)
	idle, busy := q.Consumer("idle"), q.Consumer("busy")
	mustReceive(t, busy, soon)
	mustReceive(t, idle, atOnce)
	for _, c := range []queue.Consumer{idle, busy, q.Consumer("unknown")} {
		if err := c.Leave(t.Context()); err != nil {
			t.Errorf("leave: %v", err)
		}
	}
	checkSize(t, q, len(want), 0)
	successor := q.Consumer("successor")
	messages := mustClaim(t, successor, hour) // released, so no lease must expire
	checkEvents(t, eventsOf(messages), want)
	for _, m := range messages {
		if m.Deliveries != 1 {
			t.Errorf("a released message has %d deliveries, want 1", m.Deliveries)
		}
	}
	mustAcknowledge(t, successor, messages...)
	checkSize(t, q, 0, 0)
}

func pruning(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	pruner := q.Consumer("pruner")
	if err := pruner.Prune(t.Context(), 0); err != nil {
		t.Errorf("prune an empty queue: %v", err)
	}
	want := newEvents("a", 3)
	mustAppend(t, q, want...)
	silent, busy := q.Consumer("silent"), q.Consumer("busy")
	held := mustReceive(t, busy, soon)
	mustReceive(t, silent, atOnce)
	for _, idle := range []time.Duration{hour, 0} {
		if err := pruner.Prune(t.Context(), idle); err != nil {
			t.Errorf("prune: %v", err)
		}
	}
	checkSize(t, q, len(want), 0)
	more := newEvents("b", 2)
	mustAppend(t, q, more...)
	checkEvents(t, drain(t, silent), more) // a consumer whose name was removed still works
	mustAcknowledge(t, busy, held...)
	checkSize(t, q, 0, 0)
}

func lowWatermark(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	get := func() time.Time {
		t.Helper()
		at, err := q.LowWatermark(t.Context())
		if err != nil {
			t.Fatalf("low watermark: %v", err)
		}
		return at
	}
	get()
	mustAppend(t, q, newEvents("a", 1)...)
	first := mustReceive(t, c, soon)
	mustAppend(t, q, newEvents("b", 1)...)
	check := func(when string) {
		t.Helper()
		if at := get(); at.After(first[0].QueuedAt) {
			t.Errorf("%s the low watermark is %v, after %v", when, at, first[0].QueuedAt)
		}
	}
	check("with two messages queued")
	claimSoon(t, q.Consumer("two"))
	check("after a claim")
	mustAcknowledge(t, c, first...)
	second := mustReceive(t, c, soon)
	if at := get(); at.After(second[0].QueuedAt) {
		t.Errorf("with one message queued the low watermark is %v, after %v", at, second[0].QueuedAt)
	}
	mustAcknowledge(t, c, second...)
	suitetest.Eventually(t, "the low watermark of an empty queue advances", func() bool { return get().After(second[0].QueuedAt) })
	// What is queued now is not before it, to the millisecond.
	at := get()
	mustAppend(t, q, newEvents("c", 1)...)
	if third := mustReceive(t, c, soon); third[0].QueuedAt.Before(at) {
		t.Errorf("queued at %v, before the low watermark %v", third[0].QueuedAt, at)
	}
}

// leaseTime is a lease that is short for a test and long for a busy machine.
const leaseTime = 2 * time.Second

// renewUntil renews the lease of a consumer every quarter of it until stop is
// closed, as a worker does during a long append.
func renewUntil(t *testing.T, c queue.Consumer, stop <-chan struct{}) (done chan struct{}) {
	t.Helper()
	done = make(chan struct{})
	tick := time.NewTicker(leaseTime / 4)
	go func() {
		defer close(done)
		defer tick.Stop()
		for {
			if err := c.Renew(t.Context()); err != nil {
				t.Errorf("renew: %v", err)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return done
}

func renewed(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c, other := q.Consumer("one"), q.Consumer("other")
	if err := c.Renew(t.Context()); err != nil {
		t.Errorf("renew nothing: %v", err)
	}
	m := receiveOne(t, q, c, newEvents("a", 2)...)
	stop := make(chan struct{})
	renewing := renewUntil(t, c, stop)
	// It can be used meanwhile, and what it receives is renewed too.
	more := newEvents("more", 3)
	mustAppend(t, q, more...)
	messages := mustReceive(t, c, soon)
	checkEvents(t, eventsOf(messages), more)
	for began := time.Now(); time.Since(began) < leaseTime+leaseTime/2; {
		if nothing := mustReceive(t, c, leaseTime/4); len(nothing) != 0 {
			t.Errorf("received %+v again", nothing)
		}
		if taken := mustClaim(t, other, leaseTime); len(taken) != 0 {
			t.Fatalf("claimed %+v, whose lease was renewed", taken)
		}
	}
	mustAcknowledge(t, c, messages...)
	close(stop)
	<-renewing
	var taken []queue.Message
	suitetest.Eventually(t, "a message whose lease is not renewed is claimed", func() bool {
		taken = mustClaim(t, other, leaseTime/4)
		return len(taken) > 0
	})
	if len(taken) != 1 || taken[0].ID != m.ID || taken[0].Deliveries != 2 {
		t.Errorf("claimed %+v, want %+v as its second delivery", taken, m)
	}
	mustAcknowledge(t, other, taken...)
	checkSize(t, q, 0, 0)
}
