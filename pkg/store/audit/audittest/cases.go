package audittest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/audit"
)

func emptyStore(t *testing.T, h Harness) {
	t.Helper()
	wantNone(t, run(t, h.Audit(t, h.Open(t)), audit.Options{}))
}

func healthy(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	fill(t, s)
	if _, err := s.Append(t.Context(), newEvents("in no tick yet", "z", 3)); err != nil {
		t.Fatal(err)
	}
	state := run(t, h.Audit(t, s), audit.Options{})
	wantNone(t, state)
	stats, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(state, "events"); got != stats.Stored || rowsOf(state, "identities") != stats.Stored {
		t.Errorf("%d events and %d identities were checked, want %d each", got, rowsOf(state, "identities"), stats.Stored)
	}
	if got := rowsOf(state, "topics"); got != stats.Topics {
		t.Errorf("%d topics were checked, want %d", got, stats.Topics)
	}
}

// rowsOf returns the number of rows that a check has checked.
func rowsOf(state *audit.State, check string) int64 {
	for _, r := range state.Checks {
		if r.Name == check {
			return r.Rows
		}
	}
	return -1
}

// underLoad audits a store again and again while several writers append events and
// repeats, and a reader follows them.
func underLoad(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	fill(t, s)
	source := h.Audit(t, s)
	var group errgroup.Group
	var appended atomic.Int64
	var stopped atomic.Bool
	defer stopped.Store(true)
	for writer := range 3 {
		group.Go(func() error {
			for i := 0; !stopped.Load(); i++ {
				events := append(newEvents(fmt.Sprintf("topic %d", i%7), fmt.Sprintf("%d-%d", writer, i), 1+i%20), newEvents("orders", "a", i%3)...)
				if _, err := s.Append(t.Context(), events); err != nil {
					return err
				}
				appended.Add(1)
			}
			return nil
		})
	}
	group.Go(func() error {
		position := store.Position{}
		for !stopped.Load() {
			var err error
			if _, position, err = s.Newer(t.Context(), store.Filter{}, position, 100); err != nil {
				return err
			}
		}
		return nil
	})
	for round := 0; (round < 3 || appended.Load() < 60) && !t.Failed(); round++ {
		wantNone(t, run(t, source, audit.Options{}))
	}
	stopped.Store(true)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	wantNone(t, run(t, source, audit.Options{}))
}

// bounded stores more events than there were after the start of the audit.
func bounded(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	fill(t, s)
	stats, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source := h.Audit(t, s)
	bound, err := source.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), newEvents("orders", "zzz", 300)); err != nil {
		t.Fatal(err)
	}
	checks, err := source.Checks(bound)
	if err != nil {
		t.Fatal(err)
	}
	state := &audit.State{Bound: bound}
	if err := audit.Run(t.Context(), checks, state, audit.Options{}); err != nil {
		t.Fatal(err)
	}
	wantNone(t, state)
	for _, check := range []string{"identities", "events"} {
		if got := rowsOf(state, check); got != stats.Stored {
			t.Errorf("check %s: %d rows, want those %d that were stored at the start", check, got, stats.Stored)
		}
	}
}

// resumed stops an audit of a damaged store after each page. Pages are small.
func resumed(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	fill(t, s)
	h.Execute(t, s, h.Damages["a payload is changed"]...)
	h.Execute(t, s, h.Damages["the counter of a topic is changed"]...)
	source := h.Audit(t, s)
	whole := run(t, source, audit.Options{})
	state := &audit.State{Bound: whole.Bound}
	pages := 0
	for ; !state.Done(); pages++ {
		checks, err := source.Checks(state.Bound)
		if err != nil {
			t.Fatal(err)
		}
		stopped := fmt.Errorf("stopped after page %d", pages)
		// 70 rows a second are pages of 7 rows.
		if err := audit.Run(t.Context(), checks, state, audit.Options{Rate: 70, Save: func(*audit.State) error { return stopped }}); err == nil {
			break
		}
	}
	if pages < 20 {
		t.Errorf("the audit had %d pages; the test needs more", pages)
	}
	for _, st := range []*audit.State{whole, state} {
		for i := range st.Checks {
			st.Checks[i].Seconds = 0
		}
	}
	if diff := cmp.Diff(whole, state); diff != "" {
		t.Errorf("a stopped audit differs from a whole one: %s", diff)
	}
}

func deliveries(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	var want []audit.Delivery
	for i := range 7 {
		d := store.Delivery{ID: store.DeliveryID{byte(7 * i % 5), byte(i)}, QueuedAt: time.Date(2025, 12, 19, 12, 0, i, 5000, time.UTC), Events: newEvents("t", fmt.Sprint(i), 1)}
		if _, err := s.Receive(t.Context(), []store.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		want = append(want, audit.Delivery{ID: hex.EncodeToString(d.ID[:]), QueuedAt: d.QueuedAt})
	}
	slices.SortFunc(want, func(a, b audit.Delivery) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
	source := h.Audit(t, s)
	var got []audit.Delivery
	for after := ""; ; after = got[len(got)-1].ID {
		page, err := source.Deliveries(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, page...); len(page) < 3 {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
