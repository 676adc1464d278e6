package failover

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Fallback is two appenders in order of preference: database then queue, or queue
// then database. Create one with [NewFallback].
type Fallback struct {
	first, second store.Appender
	options       FallbackOptions

	mu       sync.Mutex
	lastUsed time.Time // when the second was last needed; zero while the first takes all
}

// FallbackOptions configure a Fallback. A zero field means its default.
type FallbackOptions struct {
	// From and To are the names of the two appenders in the log.
	From, To string
	// Quiet is how long the second must not have been needed before the log says
	// that the first takes everything again, default 5 seconds.
	Quiet time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Logger records each change once. The default discards it.
	Logger *slog.Logger
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o FallbackOptions) WithDefaults() FallbackOptions {
	o.Quiet = cmp.Or(o.Quiet, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

var _ store.Appender = (*Fallback)(nil)

// NewFallback returns an appender that prefers first.
func NewFallback(first, second store.Appender, options FallbackOptions) *Fallback {
	return &Fallback{first: first, second: second, options: options.WithDefaults()}
}

// Append appends to the first appender, and to the second only if the first has
// certainly stored nothing. Events that the first may have stored must not go to
// the second as well: they would be counted as duplicates that no client sent. In
// that case the client gets the error, and sends again if it wants to.
//
// If both fail, Append returns the first one's error, unless the second may have
// stored the events.
func (f *Fallback) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := f.first.Append(ctx, events)
	if err == nil {
		f.recordFirst()
		return outcomes, nil
	}
	if !store.NothingStored(err) || ctx.Err() != nil {
		return nil, err
	}
	outcomes, errSecond := f.second.Append(ctx, events)
	switch {
	case errSecond == nil:
		f.recordSecond(err)
		return outcomes, nil
	case store.NothingStored(errSecond):
		return nil, err
	default:
		return nil, errSecond
	}
}

// recordSecond notes that the second appender was needed.
func (f *Fallback) recordSecond(reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lastUsed.IsZero() {
		f.options.Logger.Warn("spilling events", slog.String("from", f.options.From), slog.String("to", f.options.To), slog.Any("error", reason))
	}
	f.lastUsed = f.options.Now()
}

// recordFirst notes that the first appender took something.
func (f *Fallback) recordFirst() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.lastUsed.IsZero() && f.options.Now().Sub(f.lastUsed) >= f.options.Quiet {
		f.lastUsed = time.Time{}
		f.options.Logger.Info("spilling ended", slog.String("from", f.options.From), slog.String("to", f.options.To))
	}
}
