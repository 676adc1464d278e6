package storetest

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func knownTopics(t *testing.T, h Harness) {
	s := h.Open(t)
	check := func(topics []string, want ...bool) {
		t.Helper()
		known, err := s.KnownTopics(t.Context(), topics)
		if err != nil || !slices.Equal(known, want) {
			t.Errorf("%q: got %t, %v, want %t", topics, known, err, want)
		}
	}
	check([]string{"login"}, false)
	mustAppend(t, s, newEvent("login", "1"), newEvent("login", "1"), newEvent("order 1'", "1"))
	check(nil)
	check([]string{"login", "Login", "logi", "login ", "", "%", "order 1'", "login"}, true, false, false, false, false, false, true, true)
	check([]string{"order 1'", "login"}, true, true)
}

// topicsBegunAtOnce has many writers append the first events of the same topics. Each
// topic counts once, also with instances that were opened before, and after a restart.
func topicsBegunAtOnce(t *testing.T, h Harness) {
	s := h.Open(t)
	other := h.Reopen(t, s)
	const writers, rounds, topics = 8, 5, 30
	var group errgroup.Group
	for writer := range writers {
		target := []store.Store{s, other}[writer%2]
		group.Go(func() error {
			for round := range rounds {
				batch := make([]event.Event, topics)
				for i := range batch {
					batch[i] = newEvent(fmt.Sprintf("%d/%d", round, i), fmt.Sprint(writer))
				}
				if writer%3 == 1 {
					batch = reversed(batch)
				}
				if _, err := target.Append(t.Context(), batch); err != nil {
					return err
				}
				if _, err := target.Append(t.Context(), batch[:1]); err != nil { // a single event takes another path
					return err
				}
				if _, err := target.Append(t.Context(), []event.Event{newEvent(fmt.Sprint("single ", round), fmt.Sprint(writer))}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for name, reader := range map[string]store.Store{"the store": s, "another instance": other} {
		if stats := checkExact(t, reader); stats.Topics != rounds*(topics+1) {
			t.Errorf("%s counts %d topics, want %d", name, stats.Topics, rounds*(topics+1))
		}
	}
	if rows, err := s.TopicStats(t.Context(), store.TopicQuery{}); err != nil || len(rows) != rounds*(topics+1) {
		t.Errorf("%d topics are listed: %v", len(rows), err)
	}
}
