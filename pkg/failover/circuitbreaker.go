package failover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// CircuitBreakerOptions configure a CircuitBreaker. A zero field means its
// default.
type CircuitBreakerOptions struct {
	// Interval is the time between two health checks, default 1 second.
	Interval time.Duration
	// PingTimeout is the timeout of one health check, default 2 seconds.
	PingTimeout time.Duration
	// FailThreshold is how many health checks in a row must fail to open the
	// circuit, default 2. With 1, a single lost packet would open it.
	FailThreshold int
	// RecoverThreshold is how many health checks in a row must succeed to close
	// the circuit, default 3. With fewer, events would alternate between database
	// and queue while a server starts.
	RecoverThreshold int
	// MaxRecoverThreshold limits the growth of RecoverThreshold, default 60. The
	// threshold doubles each time the circuit opens again soon after it closed and
	// no append has succeeded in between: the server passes every health check and
	// fails every append. After a success it is another outage, which may end soon.
	MaxRecoverThreshold int
	// Logger records each change of the state once. The default discards it.
	Logger *slog.Logger
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o CircuitBreakerOptions) WithDefaults() CircuitBreakerOptions {
	o.Interval = cmp.Or(o.Interval, time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 2*time.Second)
	o.FailThreshold = cmp.Or(o.FailThreshold, 2)
	o.RecoverThreshold = cmp.Or(o.RecoverThreshold, 3)
	o.MaxRecoverThreshold = cmp.Or(o.MaxRecoverThreshold, 60)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// CircuitBreaker is an appender in front of another one. While the circuit is
// closed, appends pass. While it is open, they fail at once, so that no caller
// waits for a timeout of a server that is known to be unavailable. Create one
// with [NewCircuitBreaker] and end it with [CircuitBreaker.Close].
type CircuitBreaker struct {
	next    store.Appender
	name    string
	ping    func(context.Context) error
	options CircuitBreakerOptions

	mu               sync.Mutex
	reason           error // why the circuit is open; nil while it is closed
	contrary         int   // health checks in a row that contradict the state
	healthy          int   // health checks that succeeded since the circuit closed
	recoverThreshold int   // health checks that close the circuit next time

	proved atomic.Bool // an append has succeeded since the circuit closed

	stop context.CancelFunc
	done sync.WaitGroup
}

var _ store.Appender = (*CircuitBreaker)(nil)

// NewCircuitBreaker returns a closed circuit breaker and starts its health
// checks. They run until Close, also after ctx has ended. The name is for the log.
// The function ping is the health check: it returns nil if an append could succeed.
func NewCircuitBreaker(
	ctx context.Context, name string, next store.Appender, ping func(context.Context) error, options CircuitBreakerOptions,
) *CircuitBreaker {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	b := &CircuitBreaker{next: next, name: name, ping: ping, options: options.WithDefaults(), stop: stop}
	b.recoverThreshold, b.healthy = b.options.RecoverThreshold, stableAfter
	b.done.Go(func() { b.watch(ctx) })
	return b
}

// Append appends to the next appender while the circuit is closed. While it is
// open, Append returns [store.ErrUnavailable] and [store.ErrNotReached] in a
// [*store.RetryError]. An append that fails with ErrUnavailable opens the circuit,
// unless [store.ErrInternal] says that it may concern these events only.
func (b *CircuitBreaker) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	if reason := b.State(); reason != nil {
		err := fmt.Errorf("%s: %w", b.name, reason)
		if !errors.Is(reason, store.ErrUnavailable) {
			err = fmt.Errorf("%s: %w: %w", b.name, store.ErrUnavailable, reason)
		}
		return nil, &store.RetryError{Err: store.NotReached(err), After: b.options.Interval}
	}
	outcomes, err := b.next.Append(ctx, events)
	if errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInternal) && ctx.Err() == nil {
		b.recordFailure(err)
	}
	if err == nil && len(events) > 0 && !b.proved.Load() { // a store would invalidate the cache line for all callers
		b.proved.Store(true)
	}
	return outcomes, err
}

// State returns nil while the circuit is closed, and otherwise the error that
// opened it.
func (b *CircuitBreaker) State() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reason
}

// Close ends the health checks. It does not close the next appender.
func (b *CircuitBreaker) Close() {
	b.stop()
	b.done.Wait()
}

func (b *CircuitBreaker) watch(ctx context.Context) {
	tick := time.NewTicker(b.options.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pinging, cancel := context.WithTimeout(ctx, b.options.PingTimeout)
		err := b.ping(pinging)
		cancel()
		if ctx.Err() == nil {
			b.recordPing(err)
		}
	}
}

// recordPing takes the result of a health check. Only several in a row that
// contradict the state change it.
func (b *CircuitBreaker) recordPing(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if (err == nil) == (b.reason == nil) {
		b.contrary = 0
		b.healthy++ // read only when the circuit opens
		return
	}
	b.contrary++
	switch {
	case err != nil && b.contrary >= b.options.FailThreshold:
		b.open(err)
	case err == nil && b.contrary >= b.recoverThreshold:
		b.close()
	}
}

// recordFailure opens the circuit after a failed append, which proves more than a
// health check.
func (b *CircuitBreaker) recordFailure(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reason == nil {
		b.open(err)
	}
	b.contrary = 0
}

// stableAfter is how many health checks the circuit must have been closed for to
// forget earlier failures.
const stableAfter = 10

// open starts to reject appends; the caller holds the lock.
func (b *CircuitBreaker) open(reason error) {
	b.reason, b.contrary = reason, 0
	if b.healthy < stableAfter && !b.proved.Load() {
		b.recoverThreshold = min(2*b.recoverThreshold, b.options.MaxRecoverThreshold)
	} else {
		b.recoverThreshold = b.options.RecoverThreshold
	}
	b.options.Logger.Warn("dependency unavailable", slog.String("dependency", b.name),
		slog.String("consequence", "appends fail at once until it is available again"), slog.Any("error", reason))
}

// close lets appends pass again; the caller holds the lock.
func (b *CircuitBreaker) close() {
	b.reason, b.contrary, b.healthy = nil, 0, 0
	b.proved.Store(false)
	b.options.Logger.Info("dependency available again", slog.String("dependency", b.name))
}
