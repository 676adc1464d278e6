package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// call is one method of a store.
type call struct {
	name string
	run  func(ctx context.Context, s store.Store) error
}

// probeTopic is the topic of the events of calls.
const probeTopic = "known"

// calls returns every method of a store that takes a context.
func calls() []call {
	return []call{
		{"Append", func(ctx context.Context, s store.Store) error {
			_, err := s.Append(ctx, newEvents(probeTopic, 3))
			return err
		}},
		{"Receive", func(ctx context.Context, s store.Store) error {
			_, err := s.Receive(ctx, []store.Delivery{newDelivery(-1, newEvents(probeTopic, 3)...)})
			return err
		}},
		{"Known", func(ctx context.Context, s store.Store) error {
			_, err := s.Known(ctx, []store.DeliveryID{newDelivery(-1).ID})
			return err
		}},
		{"Forget", func(ctx context.Context, s store.Store) error { _, err := s.Forget(ctx, queuedAt()); return err }},
		{"Stats", func(ctx context.Context, s store.Store) error { _, err := s.Stats(ctx); return err }},
		{"KnownTopics", func(ctx context.Context, s store.Store) error {
			_, err := s.KnownTopics(ctx, []string{probeTopic})
			return err
		}},
		{"TopicStats", func(ctx context.Context, s store.Store) error {
			_, err := s.TopicStats(ctx, store.TopicQuery{})
			return err
		}},
		{"Duplicates", func(ctx context.Context, s store.Store) error {
			_, err := s.Duplicates(ctx, store.DuplicateQuery{})
			return err
		}},
		{"Event", func(ctx context.Context, s store.Store) error {
			_, err := s.Event(ctx, event.Key{Topic: probeTopic, ID: "000000"})
			return err
		}},
		{"Older", func(ctx context.Context, s store.Store) error {
			_, _, err := s.Older(ctx, store.Filter{}, store.Position{}, 10)
			return err
		}},
		{"Newer", func(ctx context.Context, s store.Store) error {
			_, _, err := s.Newer(ctx, store.Filter{}, store.Position{}, 10)
			return err
		}},
		{"StableHead", func(ctx context.Context, s store.Store) error { _, err := s.StableHead(ctx); return err }},
		{"Retain", func(ctx context.Context, s store.Store) error {
			_, err := s.Retain(ctx, store.Retention{DataBefore: queuedAt(), IdentitiesBefore: queuedAt()})
			return err
		}},
		{"Holdings", func(ctx context.Context, s store.Store) error {
			_, err := s.Holdings(ctx, store.Retention{DataBefore: queuedAt()})
			return err
		}},
		{"Ping", func(ctx context.Context, s store.Store) error { return s.Ping(ctx) }},
	}
}

// try makes a call that must return soon, whatever its result is.
func try(t *testing.T, ctx context.Context, s store.Store, c call) error { //nolint:revive // as testing helpers do
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.run(ctx, s) }()
	select {
	case err := <-done:
		return err
	case <-time.After(suitetest.Timeout):
		t.Fatalf("%s does not return within %v", c.name, suitetest.Timeout)
		return nil
	}
}

func ping(t *testing.T, h Harness) {
	s := h.Open(t)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}

func cancelledCalls(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvents("known", 1)...)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	for _, c := range calls() {
		if err := try(t, cancelled, s, c); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v, want context.Canceled", c.name, err)
		}
		if err := try(t, late, s, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s after its deadline: %v, want context.DeadlineExceeded", c.name, err)
		}
		if err := try(t, t.Context(), s, c); err != nil {
			t.Errorf("%s after a cancelled one: %v", c.name, err)
		}
	}
	checkExact(t, s)
}

// cancelledAppends cancels appends at random moments. The result of a cancelled
// append is unknown. Events with an outcome are stored, stored events are
// counted, and appending again stores the rest.
func cancelledAppends(t *testing.T, h Harness) {
	s := h.Open(t)
	const writers, rounds = 4, 80
	// Large batches are cancelled while they are stored, small ones in COMMIT.
	sizes, waits := []int{600, 2, 2, 2}, []int{40_000, 3000, 3000, 3000}
	l := newLedger()
	group, ctx := errgroup.WithContext(t.Context())
	for writer := range writers {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(uint64(writer), 2))
			for round := range rounds {
				batch := newEvents(fmt.Sprintf("round %d", round), sizes[round%len(sizes)])
				short, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(waits[round%len(waits)]))*time.Microsecond)
				outcomes, err := s.Append(short, batch)
				cancel()
				switch {
				case err == nil:
					err = l.note(batch, outcomes)
				case errors.Is(err, context.DeadlineExceeded):
					err = nil
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("a cancelled append: %v, want the error of its context", err)
	}
	l.checkWinners(t, s, len(l.stored))
	if stats := checkExact(t, s); stats.Received < l.outcomes {
		t.Errorf("%d events are counted, fewer than the %d outcomes", stats.Received, l.outcomes)
	}
	want := 0
	for round := range rounds {
		batch := newEvents(fmt.Sprintf("round %d", round), sizes[round%len(sizes)])
		mustAppend(t, s, batch...)
		want += len(batch)
	}
	if stats := checkExact(t, s); stats.Stored != int64(want) {
		t.Errorf("%d events are stored, want %d", stats.Stored, want)
	}
}

func useAfterClose(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvents("known", 1)...)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		for _, c := range calls() {
			if err := try(t, t.Context(), s, c); !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s after close: %v, want ErrClosed", c.name, err)
			}
		}
	}
	if _, err := s.Append(t.Context(), nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("an empty append after close: %v, want ErrClosed", err)
	}
	if _, err := s.Receive(t.Context(), nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a receive of nothing after close: %v, want ErrClosed", err)
	}
}

// closeWaits closes a store during appends. Each append returns either all
// outcomes or ErrClosed, and the events with an outcome are stored.
func closeWaits(t *testing.T, h Harness) {
	s := h.Open(t)
	const writers, size = 4, 20
	l := newLedger()
	running := make(chan struct{}, writers)
	var group errgroup.Group
	for writer := range writers {
		group.Go(func() error {
			for round := 0; ; round++ {
				batch := newEvents(fmt.Sprintf("%d/%d", writer, round), size)
				outcomes, err := s.Append(context.Background(), batch)
				if errors.Is(err, store.ErrClosed) {
					return nil
				}
				if err != nil {
					return err
				}
				if err := l.note(batch, outcomes); err != nil {
					return err
				}
				if round == 3 {
					running <- struct{}{}
				}
			}
		})
	}
	for range writers {
		select {
		case <-running:
		case <-time.After(suitetest.Timeout):
			t.Fatal("the writers do not start")
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("close under load: %v", err)
	}
	if err := group.Wait(); err != nil {
		t.Errorf("an append during close: %v, want no error or ErrClosed", err)
	}
	s = h.Reopen(t, s)
	l.checkWinners(t, s, len(l.stored))
	if stats := checkExact(t, s); stats.Stored != l.outcomes {
		t.Errorf("%d events are stored, want %d as the outcomes", stats.Stored, l.outcomes)
	}
}

func survivesRestart(t *testing.T, h Harness) {
	s := h.Open(t)
	events := newEvents("kept", 100)
	mustAppend(t, s, events...)
	mustAppend(t, s, events[:30]...)
	stats, topics, records := mustStats(t, s), mustTopicStats(t, s), walkAll(t, s)
	var head store.Position
	suitetest.Eventually(t, "all stored events are stable", func() bool {
		head = mustStableHead(t, s)
		return len(walk(t, s, store.Filter{}, head, 1000)) == len(events)
	})
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	s = h.Reopen(t, s)
	if got := mustStats(t, s); got != stats {
		t.Errorf("counted %+v after the restart, %+v before", got, stats)
	}
	if got := mustTopicStats(t, s); !slices.Equal(got, topics) {
		t.Errorf("topics are %+v after the restart, %+v before", got, topics)
	}
	if got := walkAll(t, s); !slices.Equal(got, records) {
		t.Errorf("%d records after the restart differ from the %d before", len(got), len(records))
	}
	checkOutcomes(t, mustAppend(t, s, events[99], newEvent("kept", "new")), event.Duplicate, event.Stored)
	checkRecords(t, follow(t, s, store.Filter{}, head, 100, 1), []event.Event{newEvent("kept", "new")})
	checkExact(t, s)
}
