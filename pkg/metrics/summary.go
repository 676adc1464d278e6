package metrics

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
)

// SummaryOptions tune the summary in the log. The zero value of each field but
// Logger stands for its default.
type SummaryOptions struct {
	// Every is how often there is a line, default 10 seconds.
	Every time.Duration
	// Queue tells what the queue holds, nil where there is none.
	Queue func(context.Context) (queue.Size, error)
	// Logger hears the lines.
	Logger *slog.Logger
}

// Summarize writes, until ctx ends, a line for each interval in which events
// came, and at the end one for the interval that is cut short. Nothing came,
// nothing is written.
func (m *Metrics) Summarize(ctx context.Context, options SummaryOptions) {
	tick := time.NewTicker(cmp.Or(options.Every, 10*time.Second))
	defer tick.Stop()
	before, since := m.traffic(), m.now()
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ended = true
		}
		total, now := m.traffic(), m.now()
		if total != before {
			m.summarize(context.WithoutCancel(ctx), total.minus(before), now.Sub(since), options)
		}
		before, since = total, now
	}
}

// traffic is what came and what became of it.
type traffic struct{ received, unique, duplicate, invalid, toQueue, fromQueue int64 }

// traffic is what was counted so far. Events that took the queue are received
// when they are queued, and unique or duplicate when a worker here stores them.
func (m *Metrics) traffic() traffic {
	stored, duplicate := m.events.value(outcomeStored), m.events.value(outcomeDuplicate)
	moved, repeated := m.worker.value(outcomeStored), m.worker.value(outcomeDuplicate)
	queued := m.events.value(outcomeQueued)
	return traffic{
		received: stored + duplicate + queued, unique: stored + moved, duplicate: duplicate + repeated,
		invalid: m.events.value(outcomeInvalid) + m.events.value(outcomeRejected),
		toQueue: queued, fromQueue: moved + repeated,
	}
}

func (t traffic) minus(o traffic) traffic {
	return traffic{
		received: t.received - o.received, unique: t.unique - o.unique, duplicate: t.duplicate - o.duplicate,
		invalid: t.invalid - o.invalid, toQueue: t.toQueue - o.toQueue, fromQueue: t.fromQueue - o.fromQueue,
	}
}

func (m *Metrics) summarize(ctx context.Context, t traffic, took time.Duration, options SummaryOptions) {
	pending := 0
	for _, waiting := range m.pending {
		events, _ := waiting()
		pending += events
	}
	attrs := []slog.Attr{
		slog.Int64("received", t.received), slog.Int64("unique", t.unique), slog.Int64("duplicate", t.duplicate),
		slog.Int64("invalid", t.invalid), slog.Float64("rate", perSecond(t.received, took)), slog.Int("pending", pending),
	}
	if options.Queue != nil {
		attrs = append(attrs, slog.Int64("to_queue", t.toQueue), slog.Int64("from_queue", t.fromQueue))
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if held, err := options.Queue(ctx); err == nil { // that it is away was said already
			attrs = append(attrs, slog.Int64("queued", held.Events))
		}
	}
	options.Logger.LogAttrs(ctx, slog.LevelInfo, "traffic", attrs...)
}

// perSecond is a rate with one decimal.
func perSecond(events int64, took time.Duration) float64 {
	const decimal = 10
	if took <= 0 {
		return 0
	}
	return math.Round(float64(events)/took.Seconds()*decimal) / decimal
}
