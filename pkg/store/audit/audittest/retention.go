package audittest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/audit"
)

// steps calls Retain until nothing is left to drop, and each after every step.
func steps(t *testing.T, r store.Retainer, retention store.Retention, each func()) {
	t.Helper()
	for step := (store.Retained{More: true}); step.More || step.Blocked; {
		var err error
		if step, err = r.Retain(t.Context(), retention); err != nil {
			t.Fatalf("retain: %v", err)
		}
		each()
	}
}

// retained audits a store after each step of retention.
func retained(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	for i := range 70 { // more ticks than one that has all shards
		if _, err := s.Append(t.Context(), newEvents("old", fmt.Sprint(i), 2)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.StableHead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	retainer, moment := h.Age(t, s)
	fill(t, s)
	source := h.Audit(t, s)
	steps(t, retainer, store.Retention{DataBefore: moment}, func() { wantNone(t, run(t, source, audit.Options{})) })
	if _, err := s.Append(t.Context(), newEvents("old", "7", 2)); err != nil { // repeats
		t.Fatal(err)
	}
	state := run(t, source, audit.Options{})
	wantNone(t, state)
	if events, identities := rowsOf(state, "events"), rowsOf(state, "identities"); identities != events+140 {
		t.Errorf("%d events and %d identities, want 140 more identities than events", events, identities)
	}
}

func identitiesRetained(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	fill(t, s)
	retainer, moment := h.Age(t, s)
	fill(t, s) // repeats
	if _, err := s.Append(t.Context(), newEvents("orders", "kept", 5)); err != nil {
		t.Fatal(err)
	}
	source := h.Audit(t, s)
	steps(t, retainer, store.Retention{DataBefore: moment, IdentitiesBefore: moment}, func() { wantNone(t, run(t, source, audit.Options{})) })
	fill(t, s) // stored again where the identities are dropped
	wantNone(t, run(t, source, audit.Options{}))
}

// retainedUnderLoad drops data while audits and appends run.
func retainedUnderLoad(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	for range 3 {
		if _, err := s.Append(t.Context(), newEvents("old", "x", 2000)); err != nil {
			t.Fatal(err)
		}
	}
	retainer, moment := h.Age(t, s)
	source := h.Audit(t, s)
	var group errgroup.Group
	var stopped atomic.Bool
	defer stopped.Store(true)
	group.Go(func() error {
		for i := 0; !stopped.Load(); i++ {
			if _, err := s.Append(t.Context(), newEvents("new", fmt.Sprint(i), 5)); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		for !stopped.Load() {
			if _, err := retainer.Retain(t.Context(), store.Retention{DataBefore: moment}); err != nil {
				return err
			}
		}
		return nil
	})
	for range 4 {
		wantNone(t, run(t, source, audit.Options{Rate: 20_000}))
	}
	stopped.Store(true)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	wantNone(t, run(t, source, audit.Options{}))
}

func removedAfterRetention(t *testing.T, h Harness) {
	t.Helper()
	s := h.Open(t)
	if _, err := s.Append(t.Context(), newEvents("old", "x", 20)); err != nil {
		t.Fatal(err)
	}
	retainer, moment := h.Age(t, s)
	fill(t, s)
	steps(t, retainer, store.Retention{DataBefore: moment}, func() {})
	h.Execute(t, s, h.Damages["the row of an event is removed"]...)
	state := run(t, h.Audit(t, s), audit.Options{})
	if len(state.Listed) == 0 || state.Listed[0].Kind != audit.CounterDiffers && state.Listed[0].Kind != audit.IdentityWithoutEvent {
		t.Errorf("the audit found %v", state.Listed)
	}
}
