package ingest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// DefaultMaxWait is the default of Options.MaxWait.
const DefaultMaxWait = 10 * time.Second

// Options configure an Appender. The zero value of a field stands for its default.
type Options struct {
	// Writers is the maximum number of concurrent appends to the store, default
	// 2: while one waits for its COMMIT, another works. Only the first starts for
	// any number of events.
	Writers int
	// MaxBatch is the maximum number of events of several callers in one append,
	// default 1,000. The events of one caller are never split.
	MaxBatch int
	// MaxPending and MaxPendingBytes limit the accepted events without a result,
	// default 50,000 events and 64 MiB.
	MaxPending      int
	MaxPendingBytes int
	// MaxDelay is the maximum expected waiting time of new events, at the current
	// drain rate. Events that would wait longer get ErrOverloaded, as if the
	// buffer was full. Default 0, no limit: waiting is better than a refusal,
	// unless there is a queue that would accept them.
	MaxDelay time.Duration
	// FlushTimeout is the maximum duration of one append to the store, default 10
	// seconds. It applies to the whole batch: a caller that disconnects does not
	// cancel the events of others.
	FlushTimeout time.Duration
	// MaxWait is how long events may wait for a writer, default DefaultMaxWait. If
	// the store hangs, callers get an error after MaxWait + FlushTimeout at the
	// latest, also without a deadline of their own. There is no timer for it: that
	// would cost an event as much as its decoding.
	MaxWait time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Dependency names the store in the log, default "database".
	Dependency string
	// Logger records store failures and recoveries. The default discards them.
	Logger *slog.Logger
	// Tracer makes a span of each append to the store; nil makes none.
	Tracer trace.Tracer
	// OnFlush is called after each append to the store, before its callers get
	// their results, with the number of events, the duration and the error.
	// Several writers may call it at the same time.
	OnFlush func(events int, took time.Duration, err error)
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	o.Writers = cmp.Or(o.Writers, 2)
	o.MaxBatch = cmp.Or(o.MaxBatch, 1000)
	o.MaxPending = cmp.Or(o.MaxPending, 50_000)
	o.MaxPendingBytes = cmp.Or(o.MaxPendingBytes, 64<<20)
	o.FlushTimeout = cmp.Or(o.FlushTimeout, 10*time.Second)
	o.MaxWait = cmp.Or(o.MaxWait, DefaultMaxWait)
	o.Dependency = cmp.Or(o.Dependency, "database")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Appender gathers concurrent appends into fewer, larger ones. Create one with
// [New] and end it with [Appender.Close].
type Appender struct {
	next    store.Appender
	options Options

	mu     sync.Mutex
	wake   *sync.Cond // a batch is due, or closed is set
	queue  queue
	drain  retry.DrainRate // of one writer, in events
	closed bool
	timer  bool // a timer will wake the writers; see wakeForStuckBatch

	writers  sync.WaitGroup
	stop     context.Context // ends when Close stops waiting for the drain
	cancel   context.CancelFunc
	failing  atomic.Bool // the last append failed, and that is logged
	requests sync.Pool
}

var _ store.Appender = (*Appender)(nil)

// New starts the writers in front of next.
func New(next store.Appender, options Options) *Appender {
	a := &Appender{next: next, options: options.WithDefaults()}
	a.wake = sync.NewCond(&a.mu)
	a.queue.maxEvents, a.queue.maxBytes, a.queue.maxWait = a.options.MaxPending, a.options.MaxPendingBytes, a.options.MaxWait
	a.requests.New = func() any { return &request{done: make(chan struct{}, 1)} }
	a.stop, a.cancel = context.WithCancel(context.Background())
	for range a.options.Writers {
		a.writers.Go(a.write)
	}
	return a
}

// Append hands the events to a writer and waits for the COMMIT that contains them.
// In addition to the contract of [store.Appender]:
//
//   - If the store rejects an event, only this event has the outcome
//     [event.Rejected]. The other events of the batch are stored.
//   - If the buffer is full, the error is a [*store.RetryError] around
//     [store.ErrOverloaded], and nothing was accepted.
//   - If no writer takes the events within MaxWait, the error is
//     [store.ErrUnavailable], and nothing was stored.
//   - If ctx ends first, the error is that of ctx. Events that no writer has taken
//     are withdrawn. Others may be stored.
func (a *Appender) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	r := a.requests.Get().(*request)
	r.reset(events)
	if a.options.Tracer != nil {
		r.span = trace.SpanContextFromContext(ctx)
	}
	if err := a.enqueue(r); err != nil {
		a.requests.Put(r)
		return nil, err
	}
	if err := a.await(ctx, r); err != nil {
		return nil, err
	}
	outcomes, err := r.outcomes, r.err
	r.reset(nil)
	a.requests.Put(r)
	return outcomes, err
}

// await waits for the result of the request, or the end of its context. A context
// that never ends is cheaper. The HTTP server uses one, because it never withdraws.
func (a *Appender) await(ctx context.Context, r *request) error {
	ended := ctx.Done()
	if ended == nil {
		<-r.done
		return nil
	}
	select {
	case <-r.done:
		return nil
	case <-ended:
		a.withdraw(r) // r is not reused, because a writer may still set its result
		return ctx.Err()
	}
}

// Pending returns the accepted events without a result, those on their way to the
// store included. MaxPending and MaxPendingBytes limit them.
func (a *Appender) Pending() (events, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queue.events, a.queue.bytes
}

func (a *Appender) enqueue(r *request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("buffer events: %w", store.ErrClosed)
	}
	now := a.options.Now()
	if a.tooSlow() || !a.queue.push(r, now) {
		return &store.RetryError{
			Err:   fmt.Errorf("buffer events: %d are waiting: %w", a.queue.events, store.ErrOverloaded),
			After: a.drain.Wait(a.backlogPerWriter()),
		}
	}
	if a.queue.due(now) {
		a.wake.Signal()
	} else {
		a.wakeForStuckBatch()
	}
	return nil
}

// tooSlow reports whether new events would wait longer than MaxDelay. The caller
// holds the lock.
func (a *Appender) tooSlow() bool {
	if a.options.MaxDelay <= 0 {
		return false
	}
	wait, known := a.drain.Estimate(a.backlogPerWriter())
	return known && wait > a.options.MaxDelay
}

func (a *Appender) backlogPerWriter() int64 { return int64(a.queue.events / a.options.Writers) }

// wakeForStuckBatch sets a timer that wakes the writers when the oldest batch in
// flight is stuck, so that waiting events do not wait for it. At most one timer is
// set. The caller holds the lock.
func (a *Appender) wakeForStuckBatch() {
	if a.timer || a.queue.ready == 0 || len(a.queue.inFlight) == 0 {
		return
	}
	a.timer = true
	age := a.options.Now().Sub(a.queue.inFlight[0].began)
	time.AfterFunc(max(0, stuckAfter-age), func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.timer = false
		a.wake.Broadcast()
	})
}

func (a *Appender) withdraw(r *request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue.withdraw(r)
}

// Close accepts no more events, appends the accepted ones, and ends the writers.
// If ctx ends first, the remaining events get [store.ErrClosed], and the error is
// that of ctx. It does not close the store. A second Close waits like the first.
func (a *Appender) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.wake.Broadcast()
	a.mu.Unlock()

	drained := make(chan struct{})
	go func() {
		a.writers.Wait()
		close(drained)
	}()
	var err error
	select {
	case <-drained:
	case <-ctx.Done():
		err = fmt.Errorf("drain buffered events: %w", ctx.Err())
	}
	a.cancel()
	<-drained
	return err
}
