package retention

import (
	"context"
	"log/slog"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// minInterval and maxInterval bound the time between two rounds, which is a
	// sixteenth of the maximum age.
	minInterval = time.Second
	maxInterval = time.Hour
	// minPause is the minimum pause between two steps. A pause is as long as the step,
	// so that retention uses half of the writer's time at most.
	minPause = 10 * time.Millisecond
	// blockedPause is the first wait for a transaction of another program, which doubles
	// up to maxBlockedPause: each attempt may delay appends by 50 ms.
	blockedPause    = 10 * time.Second
	maxBlockedPause = time.Minute
	// blockedWarning is how long retention is blocked until it warns.
	blockedWarning = 10 * time.Minute
)

// Options configure [Run] and [Round].
type Options struct {
	// Store is what to drop from.
	Store store.Retainer
	// Ages says what is too old.
	Ages Ages
	// Logger records rounds that dropped something, and failures. The default discards
	// them.
	Logger *slog.Logger
	// OnStep is called after each step. The default does nothing.
	OnStep func(store.Retained)
	// Now is the clock, default [time.Now].
	Now func() time.Time
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnStep == nil {
		o.OnStep = func(store.Retained) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// interval returns the time between two rounds about something with a maximum age.
func interval(maxAge time.Duration) time.Duration {
	return min(max(maxAge/16, minInterval), maxInterval)
}

// cleaner drops old data again and again.
type cleaner struct {
	Options

	identities time.Time // when the last pass over the identities ended
	blocked    time.Time // since when retention is blocked, zero if it is not
	warned     bool
	backoff    retry.Backoff
}

// Run drops old data until ctx ends. It returns at once if nothing has a maximum age.
func Run(ctx context.Context, options Options) {
	c := &cleaner{Options: options.WithDefaults(), backoff: retry.Backoff{Min: blockedPause, Max: maxBlockedPause}}
	if c.Ages.Data <= 0 && c.Ages.Identities <= 0 {
		return
	}
	for wait := time.Duration(0); retry.Sleep(ctx, wait) == nil; {
		dropped, err := c.round(ctx)
		wait = c.report(ctx, dropped, err)
	}
}

// round drops what is too old now. A pass over all identities reads their whole table,
// so it is not part of every round.
func (c *cleaner) round(ctx context.Context) (store.Retained, error) {
	ages, now := c.Ages, c.Now()
	due := ages.Identities > 0 && (c.identities.IsZero() || now.Sub(c.identities) >= interval(ages.Identities))
	if !due {
		ages.Identities = 0
	}
	options := c.Options
	options.Ages = ages
	dropped, err := Round(ctx, options)
	if due && err == nil && !dropped.Blocked {
		c.identities = now
	}
	return dropped, err
}

// Round drops what is too old now, and returns the sum of what it dropped. It ends early
// if another program uses what should be dropped (Blocked). An error is that of the store or
// of ctx; what was dropped before it stays dropped.
func Round(ctx context.Context, options Options) (sum store.Retained, err error) {
	options = options.WithDefaults()
	old := options.Ages.At(options.Now())
	for {
		began := time.Now()
		step, err := options.Store.Retain(ctx, old)
		if err != nil {
			return sum, err
		}
		options.OnStep(step)
		sum.Events += step.Events
		sum.Identities += step.Identities
		sum.LogRows += step.LogRows
		if sum.Blocked = step.Blocked; step.Blocked || !step.More {
			return sum, nil
		}
		if err := retry.Sleep(ctx, max(minPause, time.Since(began))); err != nil {
			return sum, err
		}
	}
}

// report logs what a round did, and returns the time until the next one.
func (c *cleaner) report(ctx context.Context, dropped store.Retained, err error) time.Duration {
	if dropped.Events > 0 || dropped.Identities > 0 {
		c.Logger.InfoContext(ctx, "old data dropped", slog.Int64("events", dropped.Events), slog.Int64("identities", dropped.Identities))
	}
	switch {
	case ctx.Err() != nil:
		return 0
	case err != nil:
		c.Logger.WarnContext(ctx, "old data not dropped", slog.String("dependency", "database"), slog.Any("error", err),
			slog.String("consequence", "the database grows; the next attempt follows"))
		return c.backoff.Next()
	case dropped.Blocked:
		c.reportBlocked(ctx)
		return c.backoff.Next()
	}
	if c.warned {
		c.Logger.InfoContext(ctx, "retention no longer blocked", slog.String("dependency", "database"))
	}
	c.blocked, c.warned = time.Time{}, false
	c.backoff.Reset()
	if c.Ages.Data > 0 {
		return interval(c.Ages.Data)
	}
	return interval(c.Ages.Identities)
}

// reportBlocked warns if a transaction has blocked retention for long.
func (c *cleaner) reportBlocked(ctx context.Context) {
	now := c.Now()
	if c.blocked.IsZero() {
		c.blocked = now
	}
	if !c.warned && now.Sub(c.blocked) >= blockedWarning {
		c.warned = true
		c.Logger.WarnContext(ctx, "retention blocked by a long transaction", slog.String("dependency", "database"), slog.Time("since", c.blocked),
			slog.String("consequence", "old events stay until it ends; find it in pg_stat_activity, by xact_start"))
	}
}
