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

// Options configure a run. The zero Options send one event per request from 20
// workers, as fast as the target responds.
type Options struct {
	// Concurrency is the maximum number of appends in flight. 0 means
	// DefaultConcurrency.
	Concurrency int
	// BatchSize is the number of events per append. 0 means 1.
	BatchSize int
	// Rate is the scheduled number of events per second. 0 means a closed loop.
	// If all workers are busy, events are late and their latency includes that.
	Rate float64
	// Stages change the rate, see [Pacer]. The run ends with the last one.
	Stages []Stage
	// Duration ends the run. No append starts after it; those in flight finish.
	// 0 means the time of the stages, or no limit.
	Duration time.Duration
	// RetryFor is how long an append is retried while the target is unavailable
	// or overloaded. 0 means DefaultRetryFor, a negative value no retries.
	RetryFor time.Duration
	// OnRejected is called for each line of a file that the target rejects. The
	// reason is [store.ErrRejected] if the target reports none. It may be
	// called concurrently, and may be nil.
	OnRejected func(line int64, reason error)
	// EndsRun reports whether an error means that no further append can succeed, for
	// example because the target does not know the sender. The run then ends with
	// [ErrGaveUp]. nil means that no error does.
	EndsRun func(error) bool
	// Percentiles are measured in addition to those that every report has.
	Percentiles []float64
	// Responses are those of the target, if it counts them. nil means that it doesn't.
	Responses *Responses
	// Ledger records every outcome, if it is not nil.
	Ledger *Ledger
	// Now is the clock. nil means time.Now.
	Now func() time.Time
	// Jitter returns a random number in [0, 1). It may be called concurrently.
	// nil means rand.Float64.
	Jitter func() float64
	// Logger records retries and failures. nil discards them.
	Logger *slog.Logger
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	o.BatchSize = max(o.BatchSize, 1)
	if o.Duration == 0 {
		o.Duration = StagesDuration(o.Stages)
	}
	if o.RetryFor == 0 {
		o.RetryFor = DefaultRetryFor
	}
	if o.EndsRun == nil {
		o.EndsRun = func(error) bool { return false }
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

// ErrGaveUp reports that no append got a response for the time of RetryFor, or that an
// error ends the run, so
// the run was stopped.
var ErrGaveUp = errors.New("gave up")

// Runner sends the events of a source to a target, once.
type Runner struct {
	target  store.Appender
	source  Source
	options Options
	pacer   Pacer
	workers []*worker
	latency *latencies
	stages  []stageCounters
	started atomic.Pointer[time.Time]
}

// New returns a runner. Run may be called once.
func New(target store.Appender, source Source, o Options) *Runner {
	o = o.WithDefaults()
	r := &Runner{target: target, source: source, options: o, pacer: Pacer{Rate: o.Rate, Stages: o.Stages}, latency: newLatencies()}
	r.stages = make([]stageCounters, len(o.Stages))
	for i := range r.stages {
		r.stages[i].latency = newLatencies()
	}
	r.workers = make([]*worker, o.Concurrency)
	for i := range r.workers {
		r.workers[i] = &worker{Runner: r}
	}
	return r
}

// Run sends until the source, the time or the context ends. It always returns a
// report. The error is that of the context or the source, or [ErrGaveUp]. Failed
// events alone are not an error, see [Counts].
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
				stop() // the others would fail, too
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

// Progress is the state of a run.
type Progress struct {
	Counts
	// Total is the number of events, or 0 if it is unknown.
	Total int64
	// Elapsed is the time since the start.
	Elapsed time.Duration
	// Retrying is the error of an append that is being retried, or nil.
	Retrying error
}

// Progress returns the state of the run. It may be called concurrently.
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

// measure records the latency of a request for a number of events.
func (r *Runner) measure(scheduled time.Time, events int) {
	latency := r.options.Now().Sub(scheduled)
	r.latency.record(latency)
	if stage := r.stage(scheduled); stage != nil {
		stage.latency.record(latency)
		stage.events.Add(int64(events))
	}
}

// stage returns the counters of the stage of an event, or nil if there are no stages.
func (r *Runner) stage(scheduled time.Time) *stageCounters {
	if len(r.stages) == 0 {
		return nil
	}
	return &r.stages[stageAt(r.options.Stages, scheduled.Sub(*r.started.Load()))]
}

// report returns the result after all workers have returned.
func (r *Runner) report(elapsed time.Duration) Report {
	report := Report{Counts: r.counts(), Elapsed: elapsed}
	for _, w := range r.workers {
		if report.FirstFailure == "" && w.failure != nil {
			report.FirstFailure = w.failure.Error()
		}
	}
	report.Latency = r.latency.summary(r.options.Percentiles...)
	report.Histogram = r.latency.buckets()
	report.Responses = r.options.Responses.Counts()
	for i, stage := range r.options.Stages {
		c := &r.stages[i]
		report.Stages = append(report.Stages, StageResult{stage, c.events.Load(), c.failed.Load(), c.latency.summary()})
	}
	if elapsed > 0 {
		report.Rate = float64(report.Completed()) / elapsed.Seconds()
	}
	return report
}
