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
)

func outage(t *testing.T, open Open) {
	h := open(t, Options{})
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
				continue // of nothing
			}
			if err := call.do(t.Context(), q, c, m); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s without a server: %v, want ErrUnavailable", call.name, err)
			}
		}
		if _, err := q.Append(t.Context(), held); !errors.Is(err, store.ErrNotReached) {
			t.Errorf("append where nobody listens: %v, want ErrNotReached", err)
		}
		h.Up()
		eventually(t, "the queue answers again", func() bool { return answers(t, q, c) })
		checkSize(t, q, len(held)+len(waiting), 0)
	}
	again := mustReceive(t, c, soon)
	if len(again) == 0 || again[0].ID != m.ID || again[0].Deliveries != 1 {
		t.Errorf("after the outage comes %+v, want first %+v", again, m)
	}
	checkEvents(t, drain(t, c), append(held, waiting...))
	checkSize(t, q, 0, 0)
}

// answers reports whether both sides of the queue work.
func answers(t *testing.T, q queue.Queue, c queue.Consumer) bool {
	t.Helper()
	for _, err := range []error{q.Ping(t.Context()), c.Prune(t.Context(), hour)} {
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("after the outage: %v, want none or ErrUnavailable", err)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// ledger notes what was appended and what was finished, by event key and
// delivery.
type ledger struct {
	mu       sync.Mutex
	safe     map[event.Key]bool // acknowledged
	finished map[store.DeliveryID][]event.Event
}

func newLedger() *ledger {
	return &ledger{safe: map[event.Key]bool{}, finished: map[store.DeliveryID][]event.Event{}}
}

func (l *ledger) appended(events []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.safe[e.Key()] = true
	}
}

// commit notes messages as a store does, which knows a delivery again.
func (l *ledger) commit(messages []queue.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		l.finished[m.ID] = m.Events
	}
}

// check fails unless every event that was acknowledged was finished. more says
// that events may have been queued twice, by appends that got no answer.
func (l *ledger) check(t *testing.T, more bool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	times := map[event.Key]int{}
	for _, events := range l.finished {
		for _, e := range events {
			times[e.Key()]++
		}
	}
	for key := range l.safe {
		if times[key] == 0 {
			t.Fatalf("%q was acknowledged and never came out", key)
		}
		if times[key] > 1 && !more {
			t.Fatalf("%q came out in %d deliveries", key, times[key])
		}
	}
}

// outageUnderLoad crashes the server while events go in and out.
func outageUnderLoad(t *testing.T, open Open) {
	h := open(t, Options{})
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
				if err := l.appendUntilAnswered(t.Context(), h.Queue, newEvents(fmt.Sprintf("%d/%d", appender, round), size)); err != nil {
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
	eventually(t, "the queue is drained", func() bool {
		size, err := h.Queue.Size(t.Context())
		return err == nil && size.Events == 0
	})
	close(stop)
	if err := out.Wait(); err != nil {
		t.Fatal(err)
	}
	l.check(t, true)
	if got := mustSize(t, h.Queue); got != (queue.Size{}) {
		t.Errorf("an empty queue has the size %+v", got)
	}
}

// appendUntilAnswered appends the same events until they are taken.
func (l *ledger) appendUntilAnswered(ctx context.Context, q queue.Queue, events []event.Event) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
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

// consume commits and finishes what comes until it is stopped; what fails comes
// again, and what was given to it and never arrived it claims.
func (l *ledger) consume(q queue.Queue, name string, stop <-chan struct{}) error {
	c := q.Consumer(name)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		messages, err := c.Claim(context.Background(), 2*time.Second)
		if err == nil && len(messages) == 0 {
			messages, err = c.Receive(context.Background(), 50*time.Millisecond)
		}
		if err == nil {
			l.commit(messages)
			err = c.Acknowledge(context.Background(), messages)
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
