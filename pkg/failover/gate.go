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
	"github.com/eventagg/eventagg/pkg/store"
)

// GateOptions tune a Gate. The zero value of each field stands for its default.
type GateOptions struct {
	// Every is how often the appender's server is asked whether it is well,
	// default 1 second, and how long it has for its answer, default 2 seconds.
	Every    time.Duration
	Patience time.Duration
	// Falls and Rises are how many answers in a row close and open the gate,
	// default 2 and 3: fewer, and one lost packet or a server that only just
	// starts would send events to and fro.
	Falls int
	Rises int
	// MostRises bounds how many answers open a gate that falls again and again:
	// its server is well whenever it is asked and ill whenever it has to work,
	// as one is whose disk is full. Each fall that comes soon after the gate
	// opened doubles Rises, up to this; default 60.
	MostRises int
	// Logger hears of each change once, default nobody.
	Logger *slog.Logger
}

func (o GateOptions) withDefaults() GateOptions {
	o.Every = cmp.Or(o.Every, time.Second)
	o.Patience = cmp.Or(o.Patience, 2*time.Second)
	o.Falls = cmp.Or(o.Falls, 2)
	o.Rises = cmp.Or(o.Rises, 3)
	o.MostRises = cmp.Or(o.MostRises, 60)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Gate stands in front of an appender and turns appends away at once while the
// server behind is known to be away: nobody should wait out a timeout to learn
// what is known. Make one with [NewGate] and end it with [Gate.Close].
type Gate struct {
	next    store.Appender
	name    string
	ping    func(context.Context) error
	options GateOptions

	mu   sync.Mutex
	away error // why the gate is closed; nil while it is open
	row  int   // how many pings in a row have said otherwise
	well int   // how many pings have been well since the gate opened
	// rises is how many pings open the gate the next time.
	rises int

	stop context.CancelFunc
	done sync.WaitGroup
}

var _ store.Appender = (*Gate)(nil)

// NewGate makes a gate that is open and starts to watch, until Close: ctx is not
// waited for. The name is for the log; ping returns nil where an append would
// have a chance.
func NewGate(ctx context.Context, name string, next store.Appender, ping func(context.Context) error, options GateOptions) *Gate {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	g := &Gate{next: next, name: name, ping: ping, options: options.withDefaults(), stop: stop}
	g.rises, g.well = g.options.Rises, steady
	g.done.Go(func() { g.watch(ctx) })
	return g
}

// Append is the appender's own while the gate is open. A closed gate answers
// [store.ErrUnavailable] with [store.ErrNotReached] in a [*store.RetryError].
func (g *Gate) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	if away := g.State(); away != nil {
		err := fmt.Errorf("%s: %w", g.name, away)
		if !errors.Is(away, store.ErrUnavailable) {
			err = fmt.Errorf("%s: %w: %w", g.name, store.ErrUnavailable, away)
		}
		return nil, &store.RetryError{Err: store.NotReached(err), After: g.options.Every}
	}
	outcomes, err := g.next.Append(ctx, events)
	if errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
		g.fell(err)
	}
	return outcomes, err
}

// State is nil while the gate is open, and otherwise the reason that closed it.
func (g *Gate) State() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.away
}

// Close ends the watching. It does not close the appender.
func (g *Gate) Close() {
	g.stop()
	g.done.Wait()
}

func (g *Gate) watch(ctx context.Context) {
	tick := time.NewTicker(g.options.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(ctx, g.options.Patience)
		err := g.ping(asking)
		cancel()
		if ctx.Err() == nil {
			g.heard(err)
		}
	}
}

// heard takes a ping's answer. Only several in a row that contradict the gate's
// state change it.
func (g *Gate) heard(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if (err == nil) == (g.away == nil) {
		g.row = 0
		g.well++ // read where the gate is open
		return
	}
	g.row++
	switch {
	case err != nil && g.row >= g.options.Falls:
		g.change(err)
	case err == nil && g.row >= g.rises:
		g.change(nil)
	}
}

// fell closes the gate: an append has failed, which is more than a ping says.
func (g *Gate) fell(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away == nil {
		g.change(err)
	}
	g.row = 0
}

// steady is how many pings a gate must have been open for to count as well.
const steady = 10

// change sets the state and tells of it; the caller holds the lock.
func (g *Gate) change(away error) {
	g.away, g.row = away, 0
	if away == nil {
		g.well = 0
		g.options.Logger.Info("back", slog.String("what", g.name))
		return
	}
	if g.well < steady {
		g.rises = min(2*g.rises, g.options.MostRises)
	} else {
		g.rises = g.options.Rises
	}
	g.options.Logger.Warn("away", slog.String("what", g.name), slog.Any("error", away))
}
