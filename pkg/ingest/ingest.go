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
	"github.com/eventagg/eventagg/pkg/store"
)

// DefaultMaxWait is what Options.MaxWait is where it is 0.
const DefaultMaxWait = 10 * time.Second

// Options tune an Appender. The zero value of each field stands for its default.
type Options struct {
	// Writers is how many appends to the store may be under way at once,
	// default 2: while one waits for its COMMIT, another works. Beyond the
	// first they start only when there is enough for them.
	Writers int
	// MaxBatch is how many events one append gathers from several callers,
	// default 1,000. A caller's own events are never parted by it.
	MaxBatch int
	// MaxPending and MaxPendingBytes bound what is accepted and not yet
	// answered, default 50,000 events and 64 MiB.
	MaxPending      int
	MaxPendingBytes int
	// MaxDelay is how long new events may have to wait, as far as the rate of
	// late tells; beyond, they are overload like those beyond MaxPending.
	// Default 0, which is no bound: waiting is better than being turned away,
	// unless something else would take them.
	MaxDelay time.Duration
	// FlushTimeout is how long one append to the store may take, default 10
	// seconds. It belongs to the batch: a caller that goes away takes nobody
	// else's events with it.
	FlushTimeout time.Duration
	// MaxWait is how long events may wait for a writer, default DefaultMaxWait:
	// when the store hangs, callers hear of it after MaxWait + FlushTimeout at
	// the latest, whatever their contexts allow. No timer watches it: an event
	// would pay as much for that as for being decoded.
	MaxWait time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Logger hears of the store failing and recovering, default nobody.
	Logger *slog.Logger
	// Tracer makes a span of each append to the store, nil for none.
	Tracer trace.Tracer
	// OnFlush hears of each append to the store before its callers do: of how
	// many events, how long it took, and its error. Writers call it at the
	// same time; nil is nobody.
	OnFlush func(events int, took time.Duration, err error)
}

func (o Options) withDefaults() Options {
	o.Writers = cmp.Or(o.Writers, 2)
	o.MaxBatch = cmp.Or(o.MaxBatch, 1000)
	o.MaxPending = cmp.Or(o.MaxPending, 50_000)
	o.MaxPendingBytes = cmp.Or(o.MaxPendingBytes, 64<<20)
	o.FlushTimeout = cmp.Or(o.FlushTimeout, 10*time.Second)
	o.MaxWait = cmp.Or(o.MaxWait, DefaultMaxWait)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Appender gathers concurrent appends into fewer, larger ones. Make one with
// [New] and end it with [Appender.Close].
type Appender struct {
	next    store.Appender
	options Options

	mu     sync.Mutex
	arrive *sync.Cond // work is due, or closed is set
	queue  queue
	meter  meter
	closed bool
	// watching says that a timer will wake the writers; see watch.
	watching bool

	writers  sync.WaitGroup
	stop     context.Context // ends when Close gives up on draining
	giveUp   context.CancelFunc
	failing  atomic.Bool // the store failed last time; says what to log
	requests sync.Pool

	rejected struct {
		sync.Mutex

		told time.Time // when one was logged
		more int       // how many have not been since
	}
}

var _ store.Appender = (*Appender)(nil)

// New starts the writers in front of next.
func New(next store.Appender, options Options) *Appender {
	a := &Appender{next: next, options: options.withDefaults()}
	a.arrive = sync.NewCond(&a.mu)
	a.queue.maxEvents, a.queue.maxBytes, a.queue.maxWait = a.options.MaxPending, a.options.MaxPendingBytes, a.options.MaxWait
	a.requests.New = func() any { return &request{done: make(chan struct{}, 1)} }
	a.stop, a.giveUp = context.WithCancel(context.Background())
	for range a.options.Writers {
		a.writers.Go(a.write)
	}
	return a
}

// Append hands the events to a writer and waits for the COMMIT that holds them.
// Beyond the contract of [store.Appender]:
//
//   - an event that the store refuses for ever is [event.Rejected], alone; its
//     neighbours are stored;
//   - when the bounds are reached the error is a [*store.RetryError] around
//     [store.ErrOverloaded], and nothing was taken;
//   - when no writer takes the events within MaxWait, the error is
//     [store.ErrUnavailable], and nothing was taken;
//   - when ctx ends first the answer is its error. Events that no writer had
//     taken yet are withdrawn; others may be stored all the same.
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

// await waits until the request is answered, or its context ends. Waiting for
// the answer alone, as an HTTP server does that never withdraws, is cheaper.
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
		a.withdraw(r) // r is not used again: a writer may still answer it
		return ctx.Err()
	}
}

// Pending is how much is accepted and not yet answered, what is under way to the
// store included: what MaxPending and MaxPendingBytes bound.
func (a *Appender) Pending() (events, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queue.events, a.queue.bytes
}

func (a *Appender) enqueue(r *request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("queue events: %w", store.ErrClosed)
	}
	now := a.options.Now()
	if a.slow() || !a.queue.push(r, now) {
		return &store.RetryError{
			Err:   fmt.Errorf("queue events: %d are waiting: %w", a.queue.events, store.ErrOverloaded),
			After: a.meter.drainTime(a.queue.events, a.options.Writers),
		}
	}
	if a.queue.due(now) {
		a.arrive.Signal()
	} else {
		a.watch()
	}
	return nil
}

// slow reports whether events that come now would wait for longer than they
// may; the caller holds the lock.
func (a *Appender) slow() bool {
	return a.options.MaxDelay > 0 && a.meter.expected(a.queue.events, a.options.Writers) > a.options.MaxDelay
}

// watch sees to it that what waits for a batch under way does not wait for a
// stuck one: when the oldest has become that, the writers look again. One timer
// is set at most; the caller holds the lock.
func (a *Appender) watch() {
	if a.watching || a.queue.ready == 0 || len(a.queue.underWay) == 0 {
		return
	}
	a.watching = true
	age := a.options.Now().Sub(a.queue.underWay[0].began)
	time.AfterFunc(max(0, stuckAfter-age), func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.watching = false
		a.arrive.Broadcast()
	})
}

func (a *Appender) withdraw(r *request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue.withdraw(r)
}

// Close takes no more events, appends what was accepted, and ends the writers.
// When ctx ends first it gives up: what is not appended by then is answered
// with [store.ErrClosed], and the error is the context's. It does not close the
// store behind. A second Close waits like the first.
func (a *Appender) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.arrive.Broadcast()
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
		err = fmt.Errorf("drain queued events: %w", ctx.Err())
	}
	a.giveUp()
	<-drained
	return err
}
