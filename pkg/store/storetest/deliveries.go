package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// queuedAt returns when the deliveries of these tests were queued.
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

// redelivered receives a delivery several times. Duplicates in it count once,
// too: a redelivery by the queue is not a repeat by the sender.
func redelivered(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvent("t", "known"))
	d := newDelivery(1, newEvent("t", "new"), newEvent("t", "known"), newEvent("t", "new"))
	checkReceived(t, mustReceive(t, s, d), store.Received{Stored: 1, Duplicates: 2})
	before := checkExact(t, s)
	for range 3 {
		checkReceived(t, mustReceive(t, s, d), store.Received{Redelivered: 3})
	}
	if after := checkExact(t, s); after != before || after.Received != 4 {
		t.Errorf("the counters went from %+v to %+v", before, after)
	}
	// The same events in another delivery are repeats by the sender.
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

func forget(t *testing.T, h Harness) {
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

func manyDeliveries(t *testing.T, h Harness) {
	s := h.Open(t)
	const count = 1000
	deliveries := make([]store.Delivery, count)
	for i := range deliveries {
		deliveries[i] = newDelivery(i, newEvent("t", fmt.Sprint(i)))
	}
	checkReceived(t, mustReceive(t, s, deliveries[:count/2]...), store.Received{Stored: count / 2})
	checkReceived(t, mustReceive(t, s, reversed(deliveries)...), store.Received{Stored: count / 2, Redelivered: count / 2})
	checkKnown(t, s, true, deliveries...)
	checkExact(t, s)
}

func rejectedDelivery(t *testing.T, h Harness) {
	s := h.Open(t)
	good, known := newDelivery(1, newEvents("good", 3)...), newDelivery(2, newEvents("known", 3)...)
	bad := newDelivery(3, newEvent("good", "beside it"), h.Rejected(t, s))
	mustReceive(t, s, known)
	before := checkExact(t, s)
	for range 2 {
		if received, err := s.Receive(t.Context(), []store.Delivery{good, known, bad}); !errors.Is(err, store.ErrRejected) || received != (store.Received{}) {
			t.Errorf("receive: %+v, %v, want nothing and ErrRejected", received, err)
		}
		checkKnown(t, s, false, good, bad)
		if after := checkExact(t, s); after != before {
			t.Errorf("the counters went from %+v to %+v", before, after)
		}
	}
	checkReceived(t, mustReceive(t, s, good, known), store.Received{Stored: 3, Redelivered: 3})
	checkExact(t, s)
}

func deliveriesSurviveRestart(t *testing.T, h Harness) {
	s := h.Open(t)
	d := newDelivery(1, newEvent("t", "1"))
	mustReceive(t, s, d)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = h.Reopen(t, s)
	checkReceived(t, mustReceive(t, s, d), store.Received{Redelivered: 1})
	checkExact(t, s)
}

// deliveryModel adds a simple receiver to a model.
type deliveryModel struct {
	*model

	queued map[store.DeliveryID]time.Time
}

func (m *deliveryModel) receive(deliveries []store.Delivery) (sum store.Received) {
	for _, d := range deliveries {
		if _, known := m.queued[d.ID]; known {
			sum.Redelivered += int64(len(d.Events))
			continue
		}
		m.queued[d.ID] = d.QueuedAt
		for _, outcome := range m.append(d.Events) {
			if outcome == event.Stored {
				sum.Stored++
			} else {
				sum.Duplicates++
			}
		}
	}
	return sum
}

func (m *deliveryModel) forget(before time.Time) int64 {
	had := len(m.queued)
	maps.DeleteFunc(m.queued, func(_ store.DeliveryID, queued time.Time) bool { return queued.Before(before) })
	return int64(had - len(m.queued))
}

func mustForget(t rapid.TB, s store.Receiver, before time.Time) int64 {
	t.Helper()
	count, err := s.Forget(context.Background(), before)
	if err != nil {
		t.Fatalf("forget: %v", err)
	}
	return count
}

// deliveriesFollowModel runs many short random histories of queues and senders
// against one store. After every step it compares the counters and the known
// deliveries with the model.
func deliveriesFollowModel(t *testing.T, h Harness) {
	s := h.Open(t)
	history := 0
	rapid.Check(t, func(t *rapid.T) {
		history++
		mustForget(t, s, queuedAt().AddDate(1, 0, 0)) // the deliveries of the previous history
		prefix, before := fmt.Sprintf("history %d/", history), mustStats(t, s)
		m := &deliveryModel{newModel(), map[store.DeliveryID]time.Time{}}
		batches := rapid.SliceOfN(smallEvents(prefix), 0, 8)
		pool := make([]store.Delivery, rapid.IntRange(1, 6).Draw(t, "deliveries"))
		for i := range pool {
			pool[i] = newDelivery(i, batches.Draw(t, "events")...)
			pool[i].QueuedAt = queuedAt().Add(time.Duration(i) * time.Second)
		}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"receive", "receive", "receive", "append", "forget"}).Draw(t, "step") {
			case "receive":
				call := rapid.SliceOfN(rapid.SampledFrom(pool), 1, 6).Draw(t, "call")
				checkReceived(t, mustReceive(t, s, call...), m.receive(call))
			case "append":
				batch := batches.Draw(t, "batch")
				checkOutcomes(t, mustAppend(t, s, batch...), m.append(batch)...)
			case "forget":
				limit := rapid.SampledFrom(pool).Draw(t, "limit").QueuedAt
				if got, want := mustForget(t, s, limit), m.forget(limit); got != want {
					t.Errorf("forgot %d deliveries, want %d", got, want)
				}
			}
			compareStats(t, s, m.model, before, prefix)
			for _, d := range pool {
				_, want := m.queued[d.ID]
				checkKnown(t, s, want, d)
			}
		}
	})
	checkExact(t, s)
}
