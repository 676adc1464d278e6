package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// results sums up the results of receivers and appenders.
type results struct {
	mu       sync.Mutex
	received store.Received
	appended event.Tally
}

func (r *results) addReceived(received store.Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received.Stored += received.Stored
	r.received.Duplicates += received.Duplicates
	r.received.Redelivered += received.Redelivered
}

func (r *results) addOutcomes(outcomes []event.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, outcome := range outcomes {
		r.appended.Count(outcome)
	}
}

// someDeliveries makes count deliveries with each events, in a few topics, and
// also returns their events. All keys are different.
func someDeliveries(count, each int) (deliveries []store.Delivery, events []event.Event) {
	for i := range count {
		d := newDelivery(i, newEvents(fmt.Sprint("topic ", i%5), each)...)
		for at := range d.Events {
			d.Events[at].ID += fmt.Sprint("/", i)
		}
		deliveries, events = append(deliveries, d), append(events, d.Events...)
	}
	return deliveries, events
}

// receiveAll receives deliveries, some at a time.
func receiveAll(ctx context.Context, s store.Receiver, deliveries []store.Delivery, some int, sum *results) error {
	for part := range slices.Chunk(deliveries, some) {
		received, err := s.Receive(ctx, part)
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		sum.addReceived(received)
	}
	return nil
}

// appendAll appends events, some at a time.
func appendAll(ctx context.Context, s store.Appender, events []event.Event, some int, sum *results) error {
	for part := range slices.Chunk(events, some) {
		outcomes, err := s.Append(ctx, part)
		if err != nil {
			return fmt.Errorf("append: %w", err)
		}
		sum.addOutcomes(outcomes)
	}
	return nil
}

// concurrentReceivers receives the same deliveries from two instances in opposite
// orders, while others append the same keys. There must be no deadlock, and each
// delivery counts once.
func concurrentReceivers(t *testing.T, h Harness) {
	s := h.Open(t)
	other := h.Reopen(t, s)
	const count, each, receivers, appenders = 40, 25, 4, 2
	deliveries, all := someDeliveries(count, each)
	var sum results
	group, ctx := errgroup.WithContext(t.Context())
	for i, some := range []int{7, 7, 5, 5} {
		instance, order := []store.Store{s, other}[i%2], deliveries
		if i >= 2 {
			order = reversed(deliveries)
		}
		group.Go(func() error { return receiveAll(ctx, instance, order, some, &sum) })
	}
	group.Go(func() error { return appendAll(ctx, s, all, 90, &sum) })
	group.Go(func() error { return appendAll(ctx, other, reversed(all), 90, &sum) })
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got, appended := sum.received, sum.appended
	if got.Stored+appended.Stored != count*each || got.Stored+got.Duplicates != count*each || got.Redelivered != (receivers-1)*count*each {
		t.Errorf("received %+v and appended %+v, want %d events stored once and each delivery received once", got, appended, count*each)
	}
	if stats := checkExact(t, other); stats.Received != (1+appenders)*count*each {
		t.Errorf("counted %+v, want %d received", stats, (1+appenders)*count*each)
	}
}

// statsWhileReceiving reads the counters while deliveries are received and the
// same keys are appended. Every result must be one consistent moment.
func statsWhileReceiving(t *testing.T, h Harness) {
	s := h.Open(t)
	const count, each = 60, 20
	deliveries, all := someDeliveries(count, each)
	var sum results
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() error { return receiveAll(ctx, s, deliveries, 3, &sum) })
	group.Go(func() error { return receiveAll(ctx, s, reversed(deliveries), 2, &sum) })
	group.Go(func() error { return appendAll(ctx, s, reversed(all), 50, &sum) })
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	for {
		stats := mustStats(t, s)
		rows := int64(len(walkAll(t, s)))
		after := mustStats(t, s)
		if stats.Received != stats.Stored+stats.Duplicates || rows < stats.Stored || rows > after.Stored || after.Received > 2*count*each {
			t.Errorf("counted %+v, then %d rows, then %+v", stats, rows, after)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if stats := checkExact(t, s); stats.Received != 2*count*each || stats.Stored != count*each {
				t.Errorf("counted %+v, want %d received, half of them stored", stats, 2*count*each)
			}
			return
		default:
		}
	}
}

// cancelledReceives cancels receives at random moments. Their results are
// unknown. After the deliveries were received again, each has counted once.
func cancelledReceives(t *testing.T, h Harness) {
	s := h.Open(t)
	const count, each, workers = 60, 30, 4
	deliveries, all := someDeliveries(count, each)
	group, ctx := errgroup.WithContext(t.Context())
	for worker := range workers {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(uint64(worker), 3))
			for part := range slices.Chunk(deliveries, worker+1) {
				short, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(8000))*time.Microsecond)
				_, err := s.Receive(short, part)
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("a cancelled receive: %v, want the error of its context", err)
	}
	checkExact(t, s)
	var sum results
	if err := receiveAll(t.Context(), s, deliveries, 7, &sum); err != nil {
		t.Fatal(err)
	}
	if got := sum.received; got.Stored+got.Redelivered != int64(len(all)) || got.Duplicates != 0 {
		t.Errorf("received again %+v, want %d events, all stored or redelivered", got, len(all))
	}
	if stats := checkExact(t, s); stats.Stored != int64(len(all)) || stats.Duplicates != 0 {
		t.Errorf("counted %+v, want %d stored and no duplicates", stats, len(all))
	}
}

// receiveThroughOutage makes the database unavailable while workers receive. The
// workers retry until they succeed. A delivery that was committed although its
// call failed comes again and must not count twice.
func receiveThroughOutage(t *testing.T, h Harness) {
	s := h.Open(t)
	const count, each, workers = 120, 20, 4
	deliveries, all := someDeliveries(count, each)
	down, up := h.Outage(t, s)
	half := make(chan struct{}, workers)
	group, ctx := errgroup.WithContext(t.Context())
	for worker := range workers {
		own := deliveries[worker*count/workers : (worker+1)*count/workers]
		group.Go(func() error {
			for i := range own {
				if i == len(own)/2 {
					half <- struct{}{}
				}
				if err := retryUntilAvailable(ctx, func(ctx context.Context) error {
					_, err := s.Receive(ctx, own[i:i+1])
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	select {
	case <-half:
	case <-ctx.Done():
	}
	down()
	if _, err := s.Receive(t.Context(), deliveries[:1]); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("receive without a database: %v, want ErrUnavailable", err)
	}
	up()
	if err := group.Wait(); err != nil {
		t.Fatalf("receive through an outage: %v", err)
	}
	waitAvailable(t, s)
	checkReceived(t, mustReceive(t, s, deliveries...), store.Received{Redelivered: int64(len(all))})
	checkExact(t, s)
	var stored, duplicates int64
	for _, topic := range mustTopicStats(t, s) {
		if topic.Topic != probeTopic { // waitAvailable appends to it
			stored += topic.Stored
			duplicates += topic.Duplicates
		}
	}
	if stored != int64(len(all)) || duplicates != 0 {
		t.Errorf("counted %d stored and %d duplicates, want %d and none", stored, duplicates, len(all))
	}
}
