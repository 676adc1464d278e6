package failover_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// server is an appender that is available or not.
type server struct {
	mu      sync.Mutex
	err     error // what ping and append return
	hangs   bool  // pings do not respond
	appends int
	pings   int
}

func (s *server) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *server) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appends++
	if s.err != nil {
		return nil, s.err
	}
	return make([]event.Outcome, len(events)), nil
}

func (s *server) ping(ctx context.Context) error {
	s.mu.Lock()
	s.pings++
	hangs, err := s.hangs, s.err
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (s *server) counts() (appends, pings int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.appends, s.pings
}

// unavailable returns the error of a server that can't be reached.
func unavailable() error { return fmt.Errorf("append: %w", store.ErrUnavailable) }

func TestCircuitBreaker_OpensWhenAnAppendFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, lines := &server{err: unavailable()}, &suitetest.Log{}
		b := failover.NewCircuitBreaker(t.Context(), "database", s, s.ping, failover.CircuitBreakerOptions{Logger: lines.Logger()})
		defer b.Close()
		if _, err := b.Append(t.Context(), nil); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) {
			t.Errorf("the failed append itself: %v", err)
		}
		_, err := b.Append(t.Context(), nil)
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) || store.RetryAfter(err, 0) != time.Second {
			t.Errorf("with an open circuit: %v", err)
		}
		if appends, _ := s.counts(); appends != 1 {
			t.Errorf("%d appends reached the server", appends)
		}
		if lines.Lines() != 1 {
			t.Errorf("the log has\n%s", lines)
		}
	})
}

func TestCircuitBreaker_StaysClosedForOtherErrors(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"overloaded":       &store.RetryError{Err: store.ErrOverloaded},
		"a rejected event": store.ErrRejected,
		"a closed store":   store.ErrClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{err: err}
			b := failover.NewCircuitBreaker(t.Context(), "database", s, func(context.Context) error { return nil }, failover.CircuitBreakerOptions{})
			defer b.Close()
			if _, got := b.Append(t.Context(), nil); !errors.Is(got, err) || b.State() != nil {
				t.Errorf("%v, state %v", got, b.State())
			}
		})
	}
}

func TestCircuitBreaker_FollowsHealthChecks(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, test := range map[string]struct {
		pings []error // one a second
		open  []bool  // after each
	}{
		"one lost response changes nothing":   {[]error{nil, down, nil, down, nil}, []bool{false, false, false, false, false}},
		"two failures open it":                {[]error{down, down}, []bool{false, true}},
		"two successes do not close it":       {[]error{down, down, nil, nil, down, nil, nil}, []bool{false, true, true, true, true, true, true}},
		"three successes close it":            {[]error{down, down, nil, nil, nil}, []bool{false, true, true, true, false}},
		"it opens and closes again and again": {[]error{down, down, nil, nil, nil, down, down}, []bool{false, true, true, true, false, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var at atomic.Int64
				ping := func(context.Context) error {
					if i := at.Add(1) - 1; int(i) < len(test.pings) {
						return test.pings[i]
					}
					return nil
				}
				b := failover.NewCircuitBreaker(t.Context(), "database", &server{}, ping, failover.CircuitBreakerOptions{})
				defer b.Close()
				advance(time.Second / 2)
				for i, want := range test.open {
					advance(time.Second)
					if got := b.State() != nil; got != want {
						t.Errorf("after ping %d it is open: %t", i+1, got)
					}
				}
			})
		})
	}
}

func TestCircuitBreaker_OpensIfTheServerHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{hangs: true}
		b := failover.NewCircuitBreaker(t.Context(), "database", s, s.ping, failover.CircuitBreakerOptions{})
		defer b.Close()
		advance(10 * time.Second)
		if b.State() == nil {
			t.Error("it is closed")
		}
	})
}

func TestCircuitBreaker_LogsEachChangeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, lines := &server{}, &suitetest.Log{}
		b := failover.NewCircuitBreaker(t.Context(), "database", s, s.ping, failover.CircuitBreakerOptions{Logger: lines.Logger()})
		defer b.Close()
		for range 2 {
			s.set(unavailable())
			for range 100 {
				_, _ = b.Append(t.Context(), nil)
			}
			advance(10 * time.Second)
			s.set(nil)
			advance(10 * time.Second)
		}
		if lines.Lines() != 4 {
			t.Errorf("the log has\n%s", lines)
		}
	})
}

// TestCircuitBreaker_WaitsLongerIfOnlyHealthChecksSucceed has a server that passes
// every health check and fails every append, as one with a full disk does.
func TestCircuitBreaker_WaitsLongerIfOnlyHealthChecksSucceed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, healthy := &server{err: unavailable()}, func(context.Context) error { return nil }
		b := failover.NewCircuitBreaker(t.Context(), "database", s, healthy, failover.CircuitBreakerOptions{})
		defer b.Close()
		send := func(d time.Duration) (appends int) {
			before, _ := s.counts()
			for range int(d / (100 * time.Millisecond)) {
				_, _ = b.Append(t.Context(), nil)
				advance(100 * time.Millisecond)
			}
			after, _ := s.counts()
			return after - before
		}
		if got := send(10 * time.Minute); got > 15 || got < 10 {
			t.Errorf("%d appends were tried in ten minutes, want 10 to 15", got)
		}
		s.set(nil)
		if got := send(70 * time.Second); got < 80 || b.State() != nil {
			t.Errorf("%d appends succeeded in the 70 seconds after the disk had room, want at least 80", got)
		}
		s.set(unavailable()) // a short outage, much later, has the usual threshold
		send(time.Second)
		s.set(nil)
		send(5 * time.Second)
		if b.State() != nil {
			t.Error("it is still open")
		}
	})
}

// TestCircuitBreaker_RecoversFromEachOutageAlike has outages soon after each other, with
// appends that succeed in between: none delays the recovery from the next one.
func TestCircuitBreaker_RecoversFromEachOutageAlike(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, one := &server{}, make([]event.Event, 1)
		b := failover.NewCircuitBreaker(t.Context(), "database", s, s.ping, failover.CircuitBreakerOptions{})
		defer b.Close()
		for outage := range 6 {
			s.set(unavailable())
			if _, err := b.Append(t.Context(), one); err == nil || b.State() == nil {
				t.Fatal("the circuit stays closed")
			}
			s.set(nil)
			advance(4 * time.Second)
			if _, err := b.Append(t.Context(), one); err != nil {
				t.Fatalf("4 s after outage %d: %v", outage, err)
			}
		}
	})
}

// advance lets time pass in a bubble.
func advance(d time.Duration) { time.Sleep(d) }
