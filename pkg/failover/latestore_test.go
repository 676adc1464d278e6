package failover_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// emptyStore accepts every ping, and nothing else.
type emptyStore struct {
	store.Store

	closed int
}

func (e *emptyStore) Ping(context.Context) error { return nil }
func (e *emptyStore) Close() error               { e.closed++; return nil }
func (e *emptyStore) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	return make([]event.Outcome, len(events)), nil
}

func TestLateStore_OpensWhenDatabaseIsAvailable(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("reach the database: %w", store.ErrUnavailable)
	for _, row := range []struct {
		name    string
		fails   time.Duration // time in which attempts fail
		hangs   time.Duration // time that the first attempt takes
		err     error
		started time.Duration // when NewLateStore returns
	}{
		{"available", 0, 0, nil, 0},
		{"available after two seconds", 0, 2 * time.Second, nil, 2 * time.Second},
		{"a long migration", 0, time.Hour, nil, 3 * time.Second},
		{"an outage of a minute", time.Minute, 0, unavailable, 0},
		{"a wrong password for a day", 24 * time.Hour, 0, errors.New("wrong password"), 0},
		{"closed meanwhile is an outage, too", time.Second, 0, store.ErrClosed, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := &suitetest.Log{}
				began, opened := time.Now(), &emptyStore{}
				s := failover.NewLateStore(t.Context(), func(context.Context) (store.Store, error) {
					time.Sleep(row.hangs)
					if time.Since(began) < row.fails {
						return nil, row.err
					}
					return opened, nil
				}, failover.LateStoreOptions{Logger: log.Logger()})
				if got := time.Since(began); got != row.started {
					t.Errorf("started after %v, want %v", got, row.started)
				}
				late := max(row.fails, row.hangs) > row.started
				if late != (s.Ping(t.Context()) != nil) || late != (s.Opened() == nil) {
					t.Errorf("at the start: ping %v, opened %v", s.Ping(t.Context()), s.Opened())
				}
				if late {
					checkLate(t, s)
				}
				time.Sleep(max(row.fails, row.hangs) + 3*time.Second) // the longest pause
				if err := s.Ping(t.Context()); err != nil || s.Opened() != store.Store(opened) {
					t.Errorf("ping after the outage: %v", err)
				}
				if got, err := s.Append(t.Context(), make([]event.Event, 2)); len(got) != 2 || err != nil {
					t.Errorf("append after the outage: %v, %v", got, err)
				}
				if strings.Contains(log.String(), "database unavailable at start") != late {
					t.Errorf("logged\n%.1000s", log.String())
				}
				if err := s.Close(); err != nil || opened.closed != 1 {
					t.Errorf("closed %d times, %v", opened.closed, err)
				}
			})
		})
	}
}

// checkLate fails unless every call says that nothing was stored.
func checkLate(t *testing.T, s *failover.LateStore) {
	t.Helper()
	ctx := t.Context()
	for call, err := range map[string]error{
		"append":      second(s.Append(ctx, nil)),
		"receive":     second(s.Receive(ctx, nil)),
		"known":       second(s.Known(ctx, nil)),
		"forget":      second(s.Forget(ctx, time.Time{})),
		"stats":       second(s.Stats(ctx)),
		"topic stats": second(s.TopicStats(ctx, store.TopicQuery{})),
		"event":       second(s.Event(ctx, event.Key{})),
		"stable head": second(s.StableHead(ctx)),
		"ping":        s.Ping(ctx),
	} {
		if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrClosed) || !store.NothingStored(err) {
			t.Errorf("%s: %v, want ErrUnavailable and ErrNotReached", call, err)
		}
	}
	_, _, errOlder := s.Older(ctx, store.Filter{}, store.Position{}, 1)
	_, _, errNewer := s.Newer(ctx, store.Filter{}, store.Position{}, 1)
	if !errors.Is(errOlder, store.ErrNotReached) || !errors.Is(errNewer, store.ErrNotReached) {
		t.Errorf("older: %v, newer: %v", errOlder, errNewer)
	}
}

func second[T any](_ T, err error) error { return err }

func TestLateStore_ClosesBeforeItIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := failover.NewLateStore(t.Context(), func(ctx context.Context) (store.Store, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, failover.LateStoreOptions{})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Ping(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("ping of a closed store: %v", err)
		}
	})
}

func TestLateStore_StartsAtOnceIfContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		s := failover.NewLateStore(ctx, func(ctx context.Context) (store.Store, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, failover.LateStoreOptions{})
		if took := time.Since(began); took > 0 {
			t.Errorf("started after %v", took)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
