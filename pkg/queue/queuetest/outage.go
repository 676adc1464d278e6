package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

func outage(t *testing.T, open Open) {
	h := open(t, Options{OwnServer: true})
	q := h.Queue
	c := q.Consumer("one")
	held := newEvents("held", 3)
	m := receiveOne(t, q, c, held...)
	waiting := newEvents("waiting", 4)
	mustAppend(t, q, waiting...)
	for range 2 {
		h.Down()
		for _, call := range calls() {
			if call.name == "retry" || call.name == "drop" {
				continue // they do nothing without IDs
			}
			if err := call.do(t.Context(), target{q, c, m}); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s without a server: %v, want ErrUnavailable", call.name, err)
			}
		}
		if _, err := q.Append(t.Context(), held); !errors.Is(err, store.ErrNotReached) {
			t.Errorf("append without a server: %v, want ErrNotReached", err)
		}
		h.Up()
		suitetest.Eventually(t, "the queue is available again", func() bool { return available(t, q, c) })
		checkSize(t, q, len(held)+len(waiting), 0)
	}
	if taken := mustClaim(t, q.Consumer("two"), hour); len(taken) != 0 {
		t.Errorf("claimed %+v, whose lease has not expired", taken)
	}
	checkEvents(t, drain(t, c), waiting)
	mustAcknowledge(t, c, m)
	checkSize(t, q, 0, 0)
}

// available reports whether appends and consumers work.
func available(t *testing.T, q queue.Queue, c queue.Consumer) bool {
	t.Helper()
	for _, err := range []error{q.Ping(t.Context()), c.Prune(t.Context(), hour)} {
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("after the outage: %v, want nil or ErrUnavailable", err)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// ledger records what was queued, by event key, and what was stored, by delivery.
type ledger struct {
	mu     sync.Mutex
	queued map[event.Key]bool
	stored map[store.DeliveryID][]event.Event
}

func newLedger() *ledger {
	return &ledger{queued: map[event.Key]bool{}, stored: map[store.DeliveryID][]event.Event{}}
}

func (l *ledger) appended(events []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.queued[e.Key()] = true
	}
}

// commit stores messages, each delivery once, as a store does.
func (l *ledger) commit(messages []queue.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		l.stored[m.ID] = m.Events
	}
}

// check fails unless every queued event was stored. If repeated is true, events may
// have been queued twice, by appends without a response.
func (l *ledger) check(t *testing.T, repeated bool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	times := map[event.Key]int{}
	for _, events := range l.stored {
		for _, e := range events {
			times[e.Key()]++
		}
	}
	for key := range l.queued {
		if times[key] == 0 {
			t.Fatalf("%q was queued and never stored", key)
		}
		if times[key] > 1 && !repeated {
			t.Fatalf("%q was stored by %d deliveries", key, times[key])
		}
	}
}

// outageUnderLoad crashes the server during appends and deliveries.
func outageUnderLoad(t *testing.T, open Open) {
	h := open(t, Options{OwnServer: true})
	const appenders, rounds, size = 3, 60, 5
	l := newLedger()
	half := make(chan struct{}, appenders)
	var in, out errgroup.Group
	for appender := range appenders {
		in.Go(func() error {
			for round := range rounds {
				if round == rounds/3 || round == 2*rounds/3 {
					half <- struct{}{}
				}
				if err := l.appendUntilQueued(t.Context(), h.Queue, newEvents(fmt.Sprintf("%d/%d", appender, round), size)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	stop := make(chan struct{})
	for name := range 2 {
		out.Go(func() error { return l.consume(h.Queue, fmt.Sprint("consumer ", name), stop) })
	}
	for range 2 {
		for range appenders {
			<-half
		}
		h.Down()
		h.Up()
	}
	if err := in.Wait(); err != nil {
		t.Fatal(err)
	}
	suitetest.Eventually(t, "the queue is drained", func() bool {
		size, err := h.Queue.Size(t.Context())
		return err == nil && size.Events == 0
	})
	close(stop)
	if err := out.Wait(); err != nil {
		t.Fatal(err)
	}
	l.check(t, true)
	if got := mustSize(t, h.Queue); got != (queue.Size{}) {
		t.Errorf("the drained queue has the size %+v", got)
	}
}

// appendUntilQueued appends the same events until they are queued.
func (l *ledger) appendUntilQueued(ctx context.Context, q queue.Queue, events []event.Event) error {
	ctx, cancel := context.WithTimeout(ctx, suitetest.Timeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := q.Append(ctx, events)
		if err == nil {
			l.appended(events)
			return nil
		}
		if !store.Temporary(err) {
			return fmt.Errorf("append: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// consume stores and acknowledges messages until stop is closed. It tries a failed
// acknowledgement again, and claims what others left unfinished.
func (l *ledger) consume(q queue.Queue, name string, stop <-chan struct{}) error {
	c := q.Consumer(name)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var unfinished []queue.Message
	for {
		messages, err := c.Claim(context.Background(), 2*time.Second)
		unfinished = append(unfinished, messages...)
		if err == nil {
			messages, err = c.Receive(context.Background(), 50*time.Millisecond)
			unfinished = append(unfinished, messages...)
		}
		if err == nil && len(unfinished) > 0 {
			l.commit(unfinished)
			if err = c.Acknowledge(context.Background(), unfinished); err == nil {
				unfinished = nil
			}
		}
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			return fmt.Errorf("consume: %w", err)
		}
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
	}
}
