package failover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// LateStoreOptions configure a LateStore. A zero field means its default.
type LateStoreOptions struct {
	// Wait is how long NewLateStore waits for the first attempt, default 3 seconds.
	Wait time.Duration
	// Logger records failed attempts, and the end of the outage. The default
	// discards them.
	Logger *slog.Logger
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o LateStoreOptions) WithDefaults() LateStoreOptions {
	o.Wait = cmp.Or(o.Wait, 3*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// LateStore is a store whose database may be unavailable at the start of the
// program. It tries to open the store until it succeeds. Before that, every call
// fails with [store.ErrUnavailable] and [store.ErrNotReached], as during any other
// outage, so events go to the queue.
type LateStore struct {
	options LateStoreOptions
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu     sync.Mutex
	opened store.Store // nil before
	reason error       // why it is not open
}

var _ store.Store = (*LateStore)(nil)

var errOpening = errors.New("the database is being opened")

// NewLateStore calls open until it succeeds, with pauses of up to 3 seconds. It
// returns after the first attempt, or earlier if that takes longer than
// options.Wait. The attempts continue until Close, also after ctx has ended.
func NewLateStore(ctx context.Context, open func(context.Context) (store.Store, error), options LateStoreOptions) *LateStore {
	opening, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &LateStore{options: options.WithDefaults(), stop: stop, reason: errOpening}
	first := make(chan struct{})
	s.done.Go(func() { s.open(opening, open, sync.OnceFunc(func() { close(first) })) })
	timer := time.NewTimer(s.options.Wait)
	defer timer.Stop()
	select {
	case <-first:
	case <-timer.C:
		s.log(ctx, errOpening)
	case <-ctx.Done():
	}
	return s
}

func (s *LateStore) open(ctx context.Context, open func(context.Context) (store.Store, error), tried func()) {
	pause := retry.Backoff{Min: 500 * time.Millisecond, Max: 3 * time.Second}
	for late := false; ; late = true {
		opened, err := open(ctx)
		if err == nil {
			s.mu.Lock()
			s.opened = opened
			s.mu.Unlock()
			if late {
				s.options.Logger.InfoContext(ctx, "database opened", slog.String("dependency", "database"))
			}
			tried()
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.reason = err
		s.mu.Unlock()
		s.log(ctx, err)
		tried()
		if retry.Sleep(ctx, pause.Next()) != nil {
			return
		}
	}
}

func (s *LateStore) log(ctx context.Context, err error) {
	s.options.Logger.WarnContext(ctx, "database unavailable at start", slog.String("dependency", "database"),
		slog.String("consequence", "events go to the queue; opening the database is tried again until it succeeds"), slog.Any("error", err))
}

// Opened returns the store, or nil if it could not be opened yet.
func (s *LateStore) Opened() store.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// get returns the store, or the error of a call before it is open.
func (s *LateStore) get() (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.opened != nil:
		return s.opened, nil
	case errors.Is(s.reason, store.ErrUnavailable), errors.Is(s.reason, store.ErrClosed):
		return nil, store.NotReached(s.reason)
	default:
		return nil, store.NotReached(fmt.Errorf("%w: %w", store.ErrUnavailable, s.reason))
	}
}

// call calls f with the store, if it is open.
func call[T any](s *LateStore, f func(store.Store) (T, error)) (T, error) {
	opened, err := s.get()
	if err != nil {
		var none T
		return none, err
	}
	return f(opened)
}

// Append implements [store.Appender].
func (s *LateStore) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	return call(s, func(opened store.Store) ([]event.Outcome, error) { return opened.Append(ctx, events) })
}

// Receive implements [store.Receiver].
func (s *LateStore) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	return call(s, func(opened store.Store) (store.Received, error) { return opened.Receive(ctx, deliveries) })
}

// Known implements [store.Receiver].
func (s *LateStore) Known(ctx context.Context, ids []store.DeliveryID) ([]bool, error) {
	return call(s, func(opened store.Store) ([]bool, error) { return opened.Known(ctx, ids) })
}

// Forget implements [store.Receiver].
func (s *LateStore) Forget(ctx context.Context, before time.Time) (int64, error) {
	return call(s, func(opened store.Store) (int64, error) { return opened.Forget(ctx, before) })
}

// Stats implements [store.StatsReader].
func (s *LateStore) Stats(ctx context.Context) (store.Stats, error) {
	return call(s, func(opened store.Store) (store.Stats, error) { return opened.Stats(ctx) })
}

// TopicStats implements [store.StatsReader].
func (s *LateStore) TopicStats(ctx context.Context, query store.TopicQuery) ([]store.TopicStats, error) {
	return call(s, func(opened store.Store) ([]store.TopicStats, error) { return opened.TopicStats(ctx, query) })
}

// KnownTopics implements [store.TopicReader].
func (s *LateStore) KnownTopics(ctx context.Context, topics []string) ([]bool, error) {
	return call(s, func(opened store.Store) ([]bool, error) { return opened.KnownTopics(ctx, topics) })
}

// Duplicates implements [store.DuplicateReader].
func (s *LateStore) Duplicates(ctx context.Context, query store.DuplicateQuery) ([]store.DuplicateReport, error) {
	return call(s, func(opened store.Store) ([]store.DuplicateReport, error) { return opened.Duplicates(ctx, query) })
}

// Event implements [store.EventReader].
func (s *LateStore) Event(ctx context.Context, key event.Key) (store.Record, error) {
	return call(s, func(opened store.Store) (store.Record, error) { return opened.Event(ctx, key) })
}

// Older implements [store.EventReader].
func (s *LateStore) Older(ctx context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	opened, err := s.get()
	if err != nil {
		return nil, false, err
	}
	return opened.Older(ctx, filter, before, limit)
}

// Newer implements [store.EventReader].
func (s *LateStore) Newer(ctx context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	opened, err := s.get()
	if err != nil {
		return nil, store.Position{}, err
	}
	return opened.Newer(ctx, filter, after, limit)
}

// StableHead implements [store.EventReader].
func (s *LateStore) StableHead(ctx context.Context) (store.Position, error) {
	return call(s, func(opened store.Store) (store.Position, error) { return opened.StableHead(ctx) })
}

// Retain implements [store.Retainer].
func (s *LateStore) Retain(ctx context.Context, retention store.Retention) (store.Retained, error) {
	return call(s, func(opened store.Store) (store.Retained, error) { return opened.Retain(ctx, retention) })
}

// Holdings implements [store.Retainer].
func (s *LateStore) Holdings(ctx context.Context, retention store.Retention) (store.Holdings, error) {
	return call(s, func(opened store.Store) (store.Holdings, error) { return opened.Holdings(ctx, retention) })
}

// Ping implements [store.Store].
func (s *LateStore) Ping(ctx context.Context) error {
	_, err := call(s, func(opened store.Store) (struct{}, error) { return struct{}{}, opened.Ping(ctx) })
	return err
}

// Close ends the attempts and closes the store if it is open.
func (s *LateStore) Close() error {
	s.stop()
	s.done.Wait()
	s.mu.Lock()
	opened := s.opened
	s.reason = fmt.Errorf("late store: %w", store.ErrClosed)
	s.mu.Unlock()
	if opened == nil {
		return nil
	}
	return opened.Close()
}
