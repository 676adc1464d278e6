// Package suitetest runs conformance suites: the same cases against every
// implementation of an interface. It is internal, and only tests import it;
// packages storetest and queuetest are built on it.
package suitetest

import (
	"context"
	"maps"
	"testing"
	"time"
)

// Timeout is the time limit for whatever must happen soon. It is long because
// test machines are busy; a test takes that long only if something is broken.
const Timeout = time.Minute

// Case is one requirement of a contract, tested with a harness of type H.
type Case[H any] struct {
	// Name is a sentence that states the requirement.
	Name string
	Run  func(t *testing.T, h H)
}

// Run runs all cases in parallel. A case named in except is skipped and its
// reason is logged. A name in except that is not the name of a case fails t.
func Run[H any](t *testing.T, h H, cases []Case[H], except map[string]string) {
	t.Helper()
	unknown := maps.Clone(except)
	for _, c := range cases {
		reason, skip := except[c.Name]
		delete(unknown, c.Name)
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if skip {
				t.Skipf("skipped: %s", reason)
			}
			c.Run(t, h)
		})
	}
	for name := range unknown {
		t.Errorf("the exceptions name %q, which is not a case of the suite", name)
	}
}

// Eventually polls until holds returns true, and fails t after [Timeout].
// The description completes the sentence "not within one minute: …".
func Eventually(t *testing.T, description string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", Timeout, description)
		case <-tick.C:
		}
	}
}
