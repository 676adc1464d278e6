package failover_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/store"
)

// server is what a gate stands in front of: well, or not.
type server struct {
	mu      sync.Mutex
	ill     error // what ping and append answer
	illSlow bool  // pings take for ever
	appends int
	pings   int
}

func (s *server) set(ill error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ill = ill
}

func (s *server) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appends++
	if s.ill != nil {
		return nil, s.ill
	}
	return make([]event.Outcome, len(events)), nil
}

func (s *server) ping(ctx context.Context) error {
	s.mu.Lock()
	s.pings++
	slow, ill := s.illSlow, s.ill
	s.mu.Unlock()
	if slow {
		<-ctx.Done()
		return ctx.Err()
	}
	return ill
}

func (s *server) asked() (appends, pings int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.appends, s.pings
}

// away is the error of a server that nobody reaches.
func away() error { return fmt.Errorf("append: %w", store.ErrUnavailable) }

// log collects lines.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is what was logged so far.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) lines() int { return strings.Count(l.String(), "\n") }

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestGateClosesAtOnceWhenAnAppendFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, lines := &server{ill: away()}, &log{}
		g := failover.NewCircuitBreaker(t.Context(), "database", s, s.ping, failover.CircuitBreakerOptions{Logger: lines.logger()})
		defer g.Close()
		if _, err := g.Append(t.Context(), nil); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) {
			t.Errorf("the failed append itself: %v", err)
		}
		_, err := g.Append(t.Context(), nil)
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) || store.RetryAfter(err, 0) != time.Second {
			t.Errorf("behind the closed gate: %v", err)
		}
		if appends, _ := s.asked(); appends != 1 {
			t.Errorf("%d appends reached the server", appends)
		}
		if lines.lines() != 1 {
			t.Errorf("the log has\n%s", lines)
		}
	})
}

func TestGateStaysOpenForWhatIsNoOutage(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"no room for more":          &store.RetryError{Err: store.ErrOverloaded},
		"an event that is refused":  store.ErrRejected,
		"a server that is shutting": store.ErrClosed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{ill: err}
			g := failover.NewCircuitBreaker(t.Context(), "database", s, func(context.Context) error { return nil }, failover.CircuitBreakerOptions{})
			defer g.Close()
			if _, got := g.Append(t.Context(), nil); !errors.Is(got, err) || g.State() != nil {
				t.Errorf("%v, state %v", got, g.State())
			}
		})
	}
}

func TestGateFollowsPingsWithoutFlapping(t *testing.T) {
	t.Parallel()
	ill := errors.New("ill")
	for name, test := range map[string]struct {
		pings  []error // one a second, nil is well
		closed []bool  // after each
	}{
		"one lost answer changes nothing":     {[]error{nil, ill, nil, ill, nil}, []bool{false, false, false, false, false}},
		"two in a row close it":               {[]error{ill, ill}, []bool{false, true}},
		"two good ones do not open it":        {[]error{ill, ill, nil, nil, ill, nil, nil}, []bool{false, true, true, true, true, true, true}},
		"three in a row open it":              {[]error{ill, ill, nil, nil, nil}, []bool{false, true, true, true, false}},
		"it closes and opens again and again": {[]error{ill, ill, nil, nil, nil, ill, ill}, []bool{false, true, true, true, false, false, true}},
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
				g := failover.NewCircuitBreaker(t.Context(), "database", &server{}, ping, failover.CircuitBreakerOptions{})
				defer g.Close()
				pass(time.Second / 2)
				for i, want := range test.closed {
					pass(time.Second)
					if got := g.State() != nil; got != want {
						t.Errorf("after ping %d it is closed: %t", i+1, got)
					}
				}
			})
		})
	}
}

func TestGateTakesAServerThatHangsForAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{illSlow: true}
		g := failover.NewCircuitBreaker(t.Context(), "database", s, s.ping, failover.CircuitBreakerOptions{})
		defer g.Close()
		pass(10 * time.Second)
		if g.State() == nil {
			t.Error("it is open")
		}
	})
}

func TestGateTellsEachChangeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, lines := &server{}, &log{}
		g := failover.NewCircuitBreaker(t.Context(), "database", s, s.ping, failover.CircuitBreakerOptions{Logger: lines.logger()})
		defer g.Close()
		for range 2 {
			s.set(away())
			for range 100 {
				_, _ = g.Append(t.Context(), nil)
			}
			pass(10 * time.Second)
			s.set(nil)
			pass(10 * time.Second)
		}
		if lines.lines() != 4 {
			t.Errorf("the log has\n%s", lines)
		}
	})
}

// TestGateRestsFromAServerThatOnlyLooksWell: pings are answered, appends fail, as
// they do where a disk is full.
func TestGateRestsFromAServerThatOnlyLooksWell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, well := &server{ill: away()}, func(context.Context) error { return nil }
		g := failover.NewCircuitBreaker(t.Context(), "database", s, well, failover.CircuitBreakerOptions{})
		defer g.Close()
		send := func(d time.Duration) (appends int) {
			before, _ := s.asked()
			for range int(d / (100 * time.Millisecond)) {
				_, _ = g.Append(t.Context(), nil)
				pass(100 * time.Millisecond)
			}
			after, _ := s.asked()
			return after - before
		}
		if got := send(10 * time.Minute); got > 15 || got < 10 {
			t.Errorf("%d appends were tried in vain in ten minutes", got)
		}
		s.set(nil)
		if got := send(70 * time.Second); got < 80 || g.State() != nil {
			t.Errorf("%d appends went through in the 70 seconds after the disk had room", got)
		}
		s.set(away()) // a short outage, much later, is one like any other
		send(time.Second)
		s.set(nil)
		send(5 * time.Second)
		if g.State() != nil {
			t.Error("it is still closed")
		}
	})
}
