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
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// tally adds up what receivers and appenders were answered.
type tally struct {
	mu       sync.Mutex
	sum      store.Received
	appended map[event.Outcome]int64
}

func (a *tally) received(r store.Received) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum.Stored += r.Stored
	a.sum.Duplicates += r.Duplicates
	a.sum.Redelivered += r.Redelivered
}

func (a *tally) outcomes(outcomes []event.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.appended == nil {
		a.appended = map[event.Outcome]int64{}
	}
	for _, outcome := range outcomes {
		a.appended[outcome]++
	}
}

// someDeliveries makes deliveries of so many events each, over a few topics,
// and returns their events as well. No key is in two of them.
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

// receiveAll receives deliveries, some in each call.
func receiveAll(ctx context.Context, s store.Receiver, deliveries []store.Delivery, some int, answers *tally) error {
	for part := range slices.Chunk(deliveries, some) {
		received, err := s.Receive(ctx, part)
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		answers.received(received)
	}
	return nil
}

// appendAll appends events, some in each call.
func appendAll(ctx context.Context, s store.Appender, events []event.Event, some int, answers *tally) error {
	for part := range slices.Chunk(events, some) {
		outcomes, err := s.Append(ctx, part)
		if err != nil {
			return fmt.Errorf("append: %w", err)
		}
		answers.outcomes(outcomes)
	}
	return nil
}

// receiversCollide has workers of two instances receive the same deliveries, in
// opposite orders, while others append the same keys: nothing may wait for
// ever, and each delivery counts once.
func receiversCollide(t *testing.T, h Harness) {
	s := h.Open(t)
	other := h.Reopen(t, s)
	const count, each, receivers, appenders = 40, 25, 4, 2
	deliveries, all := someDeliveries(count, each)
	var answers tally
	group, ctx := errgroup.WithContext(t.Context())
	for i, some := range []int{7, 7, 5, 5} {
		instance, order := []store.Store{s, other}[i%2], deliveries
		if i >= 2 {
			order = reversed(deliveries)
		}
		group.Go(func() error { return receiveAll(ctx, instance, order, some, &answers) })
	}
	group.Go(func() error { return appendAll(ctx, s, all, 90, &answers) })
	group.Go(func() error { return appendAll(ctx, other, reversed(all), 90, &answers) })
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got, appended := answers.sum, answers.appended
	if got.Stored+appended[event.Stored] != count*each || got.Stored+got.Duplicates != count*each || got.Redelivered != (receivers-1)*count*each {
		t.Errorf("received %+v and appended %v, want %d events stored once and each delivery received once", got, appended, count*each)
	}
	if stats := checkExact(t, other); stats.Received != (1+appenders)*count*each {
		t.Errorf("counted %+v, want %d received", stats, (1+appenders)*count*each)
	}
}

// statsWhileReceiving reads while deliveries and appends of the same keys come
// in: every answer must be one moment.
func statsWhileReceiving(t *testing.T, h Harness) {
	s := h.Open(t)
	const count, each = 60, 20
	deliveries, all := someDeliveries(count, each)
	var answers tally
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() error { return receiveAll(ctx, s, deliveries, 3, &answers) })
	group.Go(func() error { return receiveAll(ctx, s, reversed(deliveries), 2, &answers) })
	group.Go(func() error { return appendAll(ctx, s, reversed(all), 50, &answers) })
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
				t.Errorf("counted %+v, want %d received, half of them unique", stats, 2*count*each)
			}
			return
		default:
		}
	}
}

// receivesCancelledMidway cancels receives at any moment. Nothing is known of
// them, but received again each delivery has counted once.
func receivesCancelledMidway(t *testing.T, h Harness) {
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
		t.Fatalf("a receive cancelled midway: %v, want its context's error", err)
	}
	checkExact(t, s)
	var answers tally
	if err := receiveAll(t.Context(), s, deliveries, 7, &answers); err != nil {
		t.Fatal(err)
	}
	if got := answers.sum; got.Stored+got.Redelivered != int64(len(all)) || got.Duplicates != 0 {
		t.Errorf("received again %+v, want each delivery anew or known, of %d events", got, len(all))
	}
	if stats := checkExact(t, s); stats.Stored != int64(len(all)) || stats.Duplicates != 0 {
		t.Errorf("counted %+v, want %d unique and no duplicates", stats, len(all))
	}
}

// receiveThroughOutage takes the database away while workers receive. They try
// again until they are answered, so one that was committed and not answered
// comes again: it must not count twice.
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
				if err := receiveUntilAnswered(ctx, s, own[i]); err != nil {
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
	recovers(t, s)
	checkReceived(t, mustReceive(t, s, deliveries...), store.Received{Redelivered: int64(len(all))})
	checkExact(t, s)
	var unique, duplicates int64
	for _, topic := range mustTopicStats(t, s) {
		if topic.Topic != probed { // which is what recovers tries
			unique += topic.Stored
			duplicates += topic.Duplicates
		}
	}
	if unique != int64(len(all)) || duplicates != 0 {
		t.Errorf("counted %d unique and %d duplicates, want %d and none", unique, duplicates, len(all))
	}
}

// receiveUntilAnswered receives a delivery until the database is back.
func receiveUntilAnswered(ctx context.Context, s store.Receiver, d store.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, suitetest.Timeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.Receive(ctx, []store.Delivery{d})
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w, last of all: %w", ctx.Err(), err)
		}
	}
}
