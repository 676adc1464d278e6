package duplicates

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// interval is the time between two writes.
	interval = time.Second
	// maxWritesPerSecond is the maximum number of reports that an instance writes a
	// second, after maxBurst at once. PostgreSQL needs about 30 µs of CPU for each, so
	// they cost at most 2 % of a core, also while 100,000 duplicates a second arrive.
	maxWritesPerSecond = 500
	maxBurst           = 1000
	// maxBatch is the maximum number of reports in a transaction. In SQLite appends wait
	// for it, a few milliseconds.
	maxBatch = 250
	// maxKeys and maxBytes limit the gathered reports.
	maxKeys  = 10_000
	maxBytes = 8 << 20
	// pruneWrites is the number of written reports after which the oldest are dropped,
	// also while more reports wait.
	pruneWrites = 4000
	// readDelay is the maximum time that a read waits for a write.
	readDelay = 500 * time.Millisecond
	// writeTimeout is the maximum time for one write, closeTimeout that for the last ones.
	writeTimeout = 10 * time.Second
	closeTimeout = 2 * time.Second
)

// Options configure a Recorder. The zero value of a field stands for its default.
type Options struct {
	// PerTopic is the number of reports that a store keeps for each topic: that many
	// without a conflict and that many with one. Default: 1,000.
	PerTopic int
	// Total is the number of reports that a store keeps for all topics. Default: 10,000.
	Total int
	// Ignored reports whether duplicates of a topic are not reported. Default: none.
	Ignored func(topic string) bool
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	o.PerTopic = cmp.Or(o.PerTopic, 1000)
	o.Total = cmp.Or(o.Total, 10_000)
	if o.Ignored == nil {
		o.Ignored = func(string) bool { return false }
	}
	return o
}

// Target stores the reports of a Recorder. The calls come one at a time.
type Target interface {
	// WriteReports adds reports, sorted by key, to what the store has.
	WriteReports(ctx context.Context, reports []store.DuplicateReport) error
	// PruneReports drops the oldest reports above the limits.
	PruneReports(ctx context.Context, perTopic, total int) error
}

// Recorder gathers reports and writes them. Create one with [New] and end it with
// [Recorder.Close].
type Recorder struct {
	options Options
	target  Target
	dropped atomic.Int64

	mu      sync.Mutex
	pending map[event.Key]*store.DuplicateReport
	bytes   int // of pending
	closed  bool

	writing chan struct{} // holds a value during a write
	budget  *rate.Limiter
	written int // reports since they were pruned; guarded by writing

	stop    context.CancelFunc
	stopped chan error // the result of the last write
}

// New returns a Recorder, and starts the goroutine that writes to target once a second.
// It runs until [Recorder.Close].
func New(target Target, options Options) *Recorder {
	ctx, stop := context.WithCancel(context.Background())
	r := &Recorder{
		options: options.WithDefaults(), target: target, pending: map[event.Key]*store.DuplicateReport{},
		writing: make(chan struct{}, 1), budget: rate.NewLimiter(maxWritesPerSecond, maxBurst), stop: stop, stopped: make(chan error, 1),
	}
	go func() { r.stopped <- r.run(ctx) }()
	return r
}

// run writes what has gathered until ctx ends, and then what is left. An error needs no
// report before: the reports stay for the next time, and nothing depends on them.
func (r *Recorder) run(ctx context.Context) error {
	rounds := time.NewTicker(interval)
	defer rounds.Stop()
	for {
		select {
		case <-ctx.Done():
			return r.finish(context.WithoutCancel(ctx))
		case <-rounds.C:
			_ = r.Flush(ctx)
		}
	}
}

// Record takes the events of a committed append with their outcomes. differing has the
// differing members of conflicts, by index. It does not keep the events.
func (r *Recorder) Record(events []event.Event, outcomes []event.Outcome, differing map[int][]string) {
	first := slices.IndexFunc(outcomes, repeated)
	if first < 0 {
		return
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	topic, ignored := "", false // of the event before
	for i := first; i < len(outcomes); i++ {
		if !repeated(outcomes[i]) {
			continue
		}
		e := &events[i]
		if e.Topic != topic {
			topic, ignored = e.Topic, r.options.Ignored(e.Topic)
		}
		if !ignored {
			r.add(e, outcomes[i] == event.Conflict, now, differing[i])
		}
	}
}

// repeated reports whether an outcome is that of a duplicate.
func repeated(outcome event.Outcome) bool {
	return outcome == event.Duplicate || outcome == event.Conflict
}

// add gathers one duplicate. The caller holds the lock.
func (r *Recorder) add(e *event.Event, conflict bool, now time.Time, differing []string) {
	report := r.pending[e.Key()]
	if report == nil {
		if len(r.pending) >= maxKeys || r.bytes >= maxBytes || r.closed {
			r.dropped.Add(1)
			return
		}
		report = newReport(e, now)
		r.pending[report.Key] = report
		r.bytes += sizeOf(report)
	}
	report.Repeats++
	if conflict {
		report.Conflicts++
	}
	report.LastSeen = now
	if !slices.Contains(report.Sources, e.Source) && len(report.Sources) < store.MaxReportSources {
		report.Sources = append(report.Sources, clone(e.Source))
		r.bytes += len(e.Source)
	}
	for _, member := range differing {
		if !slices.Contains(report.Differing, member) && len(report.Differing) < store.MaxReportMembers {
			report.Differing = append(report.Differing, member)
			r.bytes += len(member)
		}
	}
}

// Dropped returns the number of duplicates that no report counts, because a limit was
// reached.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// Flush writes what has gathered, at most 500 reports a second, and then drops the oldest
// reports above the limits. Calls take turns. After an error of the target the reports
// stay for the next call.
func (r *Recorder) Flush(ctx context.Context) error {
	select {
	case r.writing <- struct{}{}:
		defer func() { <-r.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return r.flush(ctx, func(wanted int) int {
		now := time.Now()
		granted := min(wanted, int(r.budget.TokensAt(now)))
		if granted > 0 {
			r.budget.ReserveN(now, granted)
		}
		return granted
	})
}

// FlushBeforeRead is Flush for a read of the reports, so that it shows what this instance
// has done. If the write is slow or fails, the reports come with a later read.
func (r *Recorder) FlushBeforeRead(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readDelay)
	defer cancel()
	_ = r.Flush(ctx)
}

// flush is Flush with a function that returns how many of the wanted writes are allowed.
// The caller holds writing.
func (r *Recorder) flush(ctx context.Context, allowed func(wanted int) int) error {
	for {
		r.mu.Lock()
		waiting := len(r.pending)
		r.mu.Unlock()
		batch := r.take(allowed(min(waiting, maxBatch)))
		if len(batch) > 0 {
			if err := r.write(ctx, batch); err != nil {
				r.putBack(batch)
				return err
			}
			r.written += len(batch)
		}
		done := waiting == len(batch)
		if r.written >= pruneWrites || done && r.written > 0 {
			if err := r.target.PruneReports(ctx, r.options.PerTopic, r.options.Total); err != nil {
				return err
			}
			r.written = 0
		}
		if done || len(batch) == 0 {
			return nil
		}
	}
}

// write writes one batch.
func (r *Recorder) write(ctx context.Context, batch []store.DuplicateReport) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return r.target.WriteReports(ctx, batch)
}

// take removes up to count of the gathered reports, and returns them sorted by key.
func (r *Recorder) take(count int) []store.DuplicateReport {
	if count <= 0 {
		return nil
	}
	taken := make([]store.DuplicateReport, 0, count)
	r.mu.Lock()
	for key, report := range r.pending {
		taken = append(taken, *report)
		r.bytes -= sizeOf(report)
		delete(r.pending, key)
		if len(taken) == count {
			break
		}
	}
	r.mu.Unlock()
	slices.SortFunc(taken, func(a, b store.DuplicateReport) int { return a.Compare(b.Key) })
	return taken
}

// putBack gathers reports again that were not written.
func (r *Recorder) putBack(reports []store.DuplicateReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range reports {
		report := &reports[i]
		if newer := r.pending[report.Key]; newer != nil {
			r.bytes -= sizeOf(newer)
			Merge(report, newer)
		}
		r.pending[report.Key] = report
		r.bytes += sizeOf(report)
	}
}

// finish writes what is left.
func (r *Recorder) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	r.writing <- struct{}{} // all other writes have ended with their calls
	return r.flush(ctx, func(wanted int) int { return wanted })
}

// Close writes what is left, and ends the goroutine. A second Close does nothing.
func (r *Recorder) Close() error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.mu.Unlock()
	if !first {
		return nil
	}
	r.stop()
	return <-r.stopped
}
