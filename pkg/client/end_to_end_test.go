package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestClient_FollowDuringAppends(t *testing.T) {
	t.Parallel()
	r := openNew(t)
	const before, writers, each, last = 20, 6, 150, 15
	for i := range before {
		if _, err := r.Append(t.Context(), []event.Event{anEvent("t", fmt.Sprint("before ", i))}); err != nil {
			t.Fatal(err)
		}
	}
	group, ctx := errgroup.WithContext(t.Context())
	for writer := range writers {
		group.Go(func() error {
			for i := range each {
				topic := []string{"t", "other"}[i%2]
				if _, err := r.Append(ctx, []event.Event{anEvent(topic, fmt.Sprintf("%d/%d", writer, i))}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	enough := errors.New("enough")
	follow := func() ([]string, error) {
		var seen []string
		err := r.Follow(t.Context(), store.Filter{Topic: "t"}, last, time.Millisecond, func(record store.Record) error {
			seen = append(seen, record.ID)
			if record.ID == "the end" {
				return enough
			}
			return nil
		})
		return seen, err
	}
	var seen []string
	done := make(chan error, 1)
	go func() {
		var err error
		seen, err = follow()
		done <- err
	}()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Append(t.Context(), []event.Event{anEvent("t", "the end")}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, enough) {
		t.Fatal(err)
	}
	stored, _, err := r.Older(t.Context(), store.Filter{Topic: "t"}, store.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, record := range slices.Backward(stored) {
		want = append(want, record.ID)
	}
	if len(seen) < last || !slices.Equal(seen, want[len(want)-len(seen):]) {
		t.Errorf("saw %d events, not the last of %d in their order", len(seen), len(want))
	}
}

// Appends are cancelled at random times. An event in transit may be stored or not,
// but the totals are consistent, and sending all events again completes them.
func TestClient_CancelledAppendsKeepCountersExact(t *testing.T) {
	t.Parallel()
	r := openNew(t)
	const writers, rounds = 4, 60
	topic := func(round int) string { return fmt.Sprint("topic ", round%3) }
	group, ctx := errgroup.WithContext(t.Context())
	for writer := range writers {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(uint64(writer), 7))
			for round := range rounds {
				short, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
				_, err := r.Append(short, []event.Event{anEvent(topic(round), fmt.Sprint(round))})
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					return err
				}
			}
			return nil
		})
	}
	for range 30 {
		checkTotals(t, r)
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("a cancelled append: %v, want its context's error", err)
	}
	for round := range rounds {
		if _, err := r.Append(t.Context(), []event.Event{anEvent(topic(round), fmt.Sprint(round))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.close(); err != nil { // the server finishes the requests that it has
		t.Fatal(err)
	}
	r = open(t, r.path)
	totals := checkTotals(t, r)
	topics, err := r.TopicStats(t.Context(), store.TopicQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		totals.Stored -= topic.Stored
		totals.Duplicates -= topic.Duplicates
	}
	if totals.Stored != 0 || totals.Duplicates != 0 || len(topics) != 3 {
		t.Errorf("the totals differ from the sum of the topics by %+v", totals)
	}
	shown := 0
	err = r.Last(t.Context(), store.Filter{}, 1000, func(records []store.Record) error {
		shown += len(records)
		return nil
	})
	if err != nil || shown != rounds {
		t.Errorf("%d events are stored, want %d: %v", shown, rounds, err)
	}
}

// checkTotals checks that the totals add up.
func checkTotals(t *testing.T, r *remote) store.Stats {
	t.Helper()
	totals, err := r.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if totals.Received != totals.Stored+totals.Duplicates {
		t.Errorf("received is not unique plus duplicates: %+v", totals)
	}
	return totals
}

func TestClient_SpecialCharactersInKeys(t *testing.T) {
	t.Parallel()
	r := openNew(t)
	for _, text := range []string{
		".", "..", "a/b", "/", "a b", "50%", "%2F", "%25", "a+b", "a?b", "a#b", "a;b", "a&b=c", "*", "stream", "日本語", "🙂", `"`, `\`, "<",
		strings.Repeat("é", 127),
	} {
		want := anEvent(text, text)
		if got, err := r.Append(t.Context(), []event.Event{want}); err != nil || got[0] != event.Stored {
			t.Errorf("%q: %v, %v", text, got, err)
			continue
		}
		if got, err := r.Event(t.Context(), want.Key()); err != nil || got.Event != want {
			t.Errorf("%q was read as %+v, %v", text, got, err)
		}
		if page, err := r.Events(t.Context(), client.EventsQuery{Filter: store.Filter{Topic: text}}); err != nil || len(page.Records) != 1 {
			t.Errorf("%q filters %d events, %v", text, len(page.Records), err)
		}
	}
}
