package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// queuedAt is when the deliveries of these tests were queued.
func queuedAt() time.Time { return time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC) }

// newDelivery makes a delivery with the number as its ID.
func newDelivery(number int, events ...event.Event) store.Delivery {
	d := store.Delivery{QueuedAt: queuedAt(), Events: events}
	copy(d.ID[:], fmt.Sprintf("%016d", number))
	return d
}

func mustReceive(t rapid.TB, s store.Receiver, deliveries ...store.Delivery) store.Received {
	t.Helper()
	received, err := s.Receive(context.Background(), deliveries)
	if err != nil {
		t.Fatalf("receive %d deliveries: %v", len(deliveries), err)
	}
	return received
}

func checkReceived(t rapid.TB, got, want store.Received) {
	t.Helper()
	if got != want {
		t.Errorf("received %+v, want %+v", got, want)
	}
}

func checkKnown(t rapid.TB, s store.Receiver, want bool, deliveries ...store.Delivery) {
	t.Helper()
	ids := make([]store.DeliveryID, len(deliveries))
	for i, d := range deliveries {
		ids[i] = d.ID
	}
	known, err := s.Known(context.Background(), ids)
	if err != nil || len(known) != len(ids) || slices.Contains(known, !want) {
		t.Errorf("known: %v, %v, want all %t", known, err, want)
	}
}

// A delivery counts once, whatever of it was new: a repeat that came through
// the queue must not become two because the queue was unsure.
func redelivered(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvent("t", "there"))
	d := newDelivery(1, newEvent("t", "new"), newEvent("t", "there"), newEvent("t", "new"))
	checkReceived(t, mustReceive(t, s, d), store.Received{Stored: 1, Duplicates: 2})
	before := checkExact(t, s)
	for range 3 {
		checkReceived(t, mustReceive(t, s, d), store.Received{Redelivered: 3})
	}
	if after := checkExact(t, s); after != before || after.Received != 4 {
		t.Errorf("the counters went from %+v to %+v", before, after)
	}
	// The same events in another delivery are repeats that somebody sent.
	checkReceived(t, mustReceive(t, s, newDelivery(2, d.Events...)), store.Received{Duplicates: 3})
	checkExact(t, s)
}

func someRedelivered(t *testing.T, h Harness) {
	s := h.Open(t)
	a, b, empty := newDelivery(1, newEvent("t", "a")), newDelivery(2, newEvent("u", "b"), newEvent("u", "c")), newDelivery(3)
	checkReceived(t, mustReceive(t, s, a, a), store.Received{Stored: 1, Redelivered: 1})
	checkReceived(t, mustReceive(t, s, b, a, empty), store.Received{Stored: 2, Redelivered: 1})
	checkReceived(t, mustReceive(t, s), store.Received{})
	checkKnown(t, s, true, a, b, empty)
	checkKnown(t, s, false, newDelivery(4))
	checkKnown(t, s, true)
	checkExact(t, s)
}

func forgotten(t *testing.T, h Harness) {
	s := h.Open(t)
	old, young := newDelivery(1, newEvent("t", "old")), newDelivery(2, newEvent("t", "young"))
	young.QueuedAt = queuedAt().Add(time.Microsecond)
	mustReceive(t, s, old, young)
	for want := range int64(2) {
		count, err := s.Forget(context.Background(), young.QueuedAt)
		if err != nil || count != 1-want {
			t.Errorf("forgot %d, %v, want %d", count, err, 1-want)
		}
	}
	checkKnown(t, s, false, old)
	checkKnown(t, s, true, young)
	checkReceived(t, mustReceive(t, s, old, young), store.Received{Duplicates: 1, Redelivered: 1})
	checkExact(t, s)
}

// Several workers get the same deliveries at once, while others append the same
// keys: nothing may wait for ever, and each delivery counts once.
func receiversCollide(t *testing.T, h Harness) {
	s := h.Open(t)
	const count, each = 40, 25
	deliveries := make([]store.Delivery, count)
	var all []event.Event
	for i := range deliveries {
		deliveries[i] = newDelivery(i, newEvents(fmt.Sprint("topic-", i%5), each)...)
		all = append(all, deliveries[i].Events...)
	}
	var mu sync.Mutex
	var sum store.Received
	var group sync.WaitGroup
	for _, order := range [][]store.Delivery{deliveries, reversed(deliveries), deliveries, reversed(deliveries)} {
		group.Go(func() {
			for part := range slices.Chunk(order, 7) {
				received, err := s.Receive(context.Background(), part)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				sum.Stored += received.Stored
				sum.Duplicates += received.Duplicates
				sum.Redelivered += received.Redelivered
				mu.Unlock()
			}
		})
	}
	var stored int64
	for _, events := range [][]event.Event{all, reversed(all)} {
		group.Go(func() {
			for part := range slices.Chunk(events, 90) {
				outcomes, err := s.Append(context.Background(), part)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, outcome := range outcomes {
					if outcome == event.Stored {
						stored++
					}
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if sum.Stored+stored != 5*each || sum.Stored+sum.Duplicates != count*each || sum.Redelivered != 3*count*each {
		t.Errorf("received %+v, and %d appended", sum, stored)
	}
	if stats := checkExact(t, s); stats.Received != 3*count*each {
		t.Errorf("the counters say %+v", stats)
	}
}

// Deliveries in any order and as often as it comes give the counters of a model
// that takes each once.
func deliveriesFollowModel(t *testing.T, h Harness) {
	s := h.Open(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		topic, before := fmt.Sprint("round-", round), mustStats(t, s)
		pool := make([]store.Delivery, rapid.IntRange(1, 6).Draw(t, "deliveries"))
		for i := range pool {
			ids := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 8).Draw(t, "events")
			pool[i] = newDelivery(round*100 + i)
			for _, id := range ids {
				pool[i].Events = append(pool[i].Events, newEvent(topic, fmt.Sprint(id)))
			}
		}
		seen, keys, received := map[int]bool{}, map[string]bool{}, int64(0)
		for range rapid.IntRange(1, 5).Draw(t, "calls") {
			var call []store.Delivery
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(pool)-1), 1, 6).Draw(t, "call") {
				call = append(call, pool[i])
				if seen[i] {
					continue
				}
				seen[i] = true
				for _, e := range pool[i].Events {
					keys[e.ID] = true
					received++
				}
			}
			mustReceive(t, s, call...)
		}
		after := mustStats(t, s)
		if after.Received-before.Received != received || after.Unique-before.Unique != int64(len(keys)) {
			t.Errorf("%d received and %d unique more, want %d and %d",
				after.Received-before.Received, after.Unique-before.Unique, received, len(keys))
		}
	})
	checkExact(t, s)
}

func deliveriesCancelled(t *testing.T, h Harness) {
	s := h.Open(t)
	d := newDelivery(1, newEvents("t", 100)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Receive(ctx, []store.Delivery{d}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	checkKnown(t, s, false, d)
	checkReceived(t, mustReceive(t, s, d), store.Received{Stored: 100})
	checkExact(t, s)
}

func deliveriesSurviveRestart(t *testing.T, h Harness) {
	s := h.Open(t)
	d := newDelivery(1, newEvent("t", "1"))
	mustReceive(t, s, d)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receive(t.Context(), []store.Delivery{d}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("receive after close: %v", err)
	}
	if _, err := s.Known(t.Context(), []store.DeliveryID{d.ID}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("known after close: %v", err)
	}
	if _, err := s.Forget(t.Context(), queuedAt()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("forget after close: %v", err)
	}
	s = h.Reopen(t, s)
	checkReceived(t, mustReceive(t, s, d), store.Received{Redelivered: 1})
	checkExact(t, s)
}

// deliveriesInAnOutage repeats a delivery until it is received, as a worker
// does, while the database comes and goes.
func deliveriesInAnOutage(t *testing.T, h Harness) {
	s := h.Open(t)
	down, up := h.Outage(t, s)
	down()
	d := newDelivery(1, newEvent("t", "1"), newEvent("t", "1"))
	if _, err := s.Receive(t.Context(), []store.Delivery{d}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("receive without a database: %v", err)
	}
	up()
	var received store.Received
	eventually(t, "the delivery is received", func() bool {
		var err error
		received, err = s.Receive(t.Context(), []store.Delivery{d})
		return err == nil
	})
	checkReceived(t, received, store.Received{Stored: 1, Duplicates: 1})
	eventually(t, "readers are back", func() bool {
		_, err := s.Stats(t.Context())
		return err == nil
	})
	checkExact(t, s)
}
