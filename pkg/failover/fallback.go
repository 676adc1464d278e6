package failover

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Fallback is two appenders in an order of preference: the store and then the
// queue, or the other way round. Make one with [NewFallback].
type Fallback struct {
	first, second store.Appender
	options       FallbackOptions

	mu     sync.Mutex
	turned time.Time // the last time that the second took something; zero while all is well
}

// FallbackOptions tune a Fallback. The zero value of each field stands for its
// default.
type FallbackOptions struct {
	// From and To name the two appenders in the log.
	From, To string
	// Quiet is how long the second must not have been needed until the log says
	// that the first takes all again, default 5 seconds.
	Quiet time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Logger hears of each change once, default nobody.
	Logger *slog.Logger
}

var _ store.Appender = (*Fallback)(nil)

// NewFallback prefers first.
func NewFallback(first, second store.Appender, options FallbackOptions) *Fallback {
	if options.Quiet == 0 {
		options.Quiet = 5 * time.Second
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return &Fallback{first: first, second: second, options: options}
}

// Append asks the first appender, and the second only where the first has
// surely taken nothing. What the first may have stored must not go through the
// queue as well: it would be counted as a repeat that nobody sent. That error
// goes to the sender, whose next attempt is one.
//
// Where neither takes the events, the error is the first's.
func (f *Fallback) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := f.first.Append(ctx, events)
	if err == nil {
		f.straight()
		return outcomes, nil
	}
	if !store.NothingStored(err) || ctx.Err() != nil {
		return nil, err
	}
	outcomes, errSecond := f.second.Append(ctx, events)
	switch {
	case errSecond == nil:
		f.turn(err)
		return outcomes, nil
	case store.NothingStored(errSecond):
		return nil, err
	default:
		return nil, errSecond
	}
}

// turn notes that the second appender was needed.
func (f *Fallback) turn(reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.turned.IsZero() {
		f.options.Logger.Warn("events take the second way",
			slog.String("from", f.options.From), slog.String("to", f.options.To), slog.Any("error", reason))
	}
	f.turned = f.options.Now()
}

// straight notes that the first has taken something.
func (f *Fallback) straight() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.turned.IsZero() && f.options.Now().Sub(f.turned) >= f.options.Quiet {
		f.turned = time.Time{}
		f.options.Logger.Info("events take the first way again", slog.String("to", f.options.From))
	}
}
