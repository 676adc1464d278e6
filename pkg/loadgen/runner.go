package loadgen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// Defaults of [Options].
const (
	DefaultConcurrency = 20
	DefaultRetryFor    = time.Minute
)

// Options say how a run is sent. The zero Options send one event at a time
// from 20 workers, as fast as the answers come.
type Options struct {
	// Concurrency is how many appends are in flight at most; 0 is
	// DefaultConcurrency.
	Concurrency int
	// BatchSize is how many events an append has; 0 is 1.
	BatchSize int
	// Rate is the planned number of events a second; 0 is a closed loop. When
	// all workers are busy events are late, and their latency says so.
	Rate float64
	// Duration ends the run: nothing is begun after it, what is under way is
	// finished. 0 is no limit.
	Duration time.Duration
	// RetryFor is how long an append is tried again that finds the target
	// unavailable or overloaded; 0 is DefaultRetryFor, below 0 never.
	RetryFor time.Duration
	// OnRejected is told every line of a file whose event the target refuses for
	// ever, and why, where the target says it; otherwise the error is
	// [store.ErrRejected]. It may be called concurrently; nil tells nobody.
	OnRejected func(line int64, reason error)
	// Ledger, where not nil, is told every answer.
	Ledger *Ledger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Jitter answers a random number from 0 to below 1, to any number of
	// callers at once; nil is rand.Float64.
	Jitter func() float64
	// Logger hears of retries and failures; nil discards.
	Logger *slog.Logger
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	o.BatchSize = max(o.BatchSize, 1)
	if o.RetryFor == 0 {
		o.RetryFor = DefaultRetryFor
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrGaveUp says that the target answered nobody for as long as retries are
// allowed, so that going on would only take longer to fail.
var ErrGaveUp = errors.New("gave up")

// Runner sends the events of a source to a target, once.
type Runner struct {
	target  store.Appender
	source  Source
	options Options
	pacer   Pacer
	workers []*worker
	latency *latencies
	started atomic.Pointer[time.Time]
}

// New makes a runner. Run may be called once.
func New(target store.Appender, source Source, o Options) *Runner {
	o = o.WithDefaults()
	r := &Runner{target: target, source: source, options: o, pacer: Pacer{Rate: o.Rate}, latency: newLatencies()}
	r.workers = make([]*worker, o.Concurrency)
	for i := range r.workers {
		r.workers[i] = &worker{Runner: r}
	}
	return r
}

// Run sends until the source or the time is at its end, or until ctx is. It
// reports what was done in any case. The error is the context's, the source's,
// or [ErrGaveUp]; failed events alone are no error, see [Counts].
func (r *Runner) Run(ctx context.Context) (Report, error) {
	began := r.options.Now()
	r.started.Store(&began)
	running, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(r.workers))
	var group sync.WaitGroup
	for i, w := range r.workers {
		group.Go(func() {
			if errs[i] = w.run(running, began); errors.Is(errs[i], ErrGaveUp) {
				stop() // the others would wait for the same
			}
		})
	}
	group.Wait()
	report := r.report(r.options.Now().Sub(began))
	if err := ctx.Err(); err != nil {
		return report, err
	}
	for _, err := range errs {
		if err != nil {
			return report, fmt.Errorf("send events: %w", err)
		}
	}
	return report, nil
}

// Progress is a run at one moment.
type Progress struct {
	Counts
	// Total is how many events there will be, or 0 where nobody can know.
	Total int64
	// Elapsed is how long the run has taken.
	Elapsed time.Duration
	// Retrying is why an append is being tried again, that of any where there
	// are several; nil where none is.
	Retrying error
}

// Progress may be called at any time, by anybody.
func (r *Runner) Progress() Progress {
	p := Progress{Counts: r.counts(), Total: r.source.Total()}
	if began := r.started.Load(); began != nil {
		p.Elapsed = r.options.Now().Sub(*began)
	}
	for _, w := range r.workers {
		if err := w.retrying.Load(); err != nil {
			p.Retrying = *err
			break
		}
	}
	return p
}

func (r *Runner) counts() Counts {
	var sum Counts
	for _, w := range r.workers {
		sum = sum.add(w.counters.load())
	}
	return sum
}

// report adds the workers up; they have all returned.
func (r *Runner) report(elapsed time.Duration) Report {
	report := Report{Counts: r.counts(), Elapsed: elapsed}
	for _, w := range r.workers {
		if report.FirstFailure == "" && w.failure != nil {
			report.FirstFailure = w.failure.Error()
		}
	}
	report.Latency = r.latency.summary()
	if elapsed > 0 {
		report.Rate = float64(report.Completed()) / elapsed.Seconds()
	}
	return report
}
