package metrics

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
)

// SummaryOptions configure [Metrics.Summarize]. Zero fields but Logger stand for
// their defaults.
type SummaryOptions struct {
	// Every is the interval between lines, default 10 seconds.
	Every time.Duration
	// Queue returns the size of the queue, nil if there is no queue.
	Queue func(context.Context) (queue.Size, error)
	// Logger gets the lines.
	Logger *slog.Logger
}

// Summarize logs one line for each interval in which events arrived, until ctx
// ends. The last interval is shorter and has a line, too.
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
			m.summarize(context.WithoutCancel(ctx), total.sub(before), now.Sub(since), options)
		}
		before, since = total, now
	}
}

// traffic counts events by outcome: in responses to senders, and as stored by the
// workers of this instance.
type traffic struct{ senders, worker event.Tally }

func (m *Metrics) traffic() traffic { return traffic{m.events.tally(), m.worker.tally()} }

func (t traffic) sub(o traffic) traffic {
	return traffic{t.senders.Sub(o.senders), t.worker.Sub(o.worker)}
}

func (m *Metrics) summarize(ctx context.Context, t traffic, took time.Duration, options SummaryOptions) {
	pending := 0
	for _, count := range m.pending {
		events, _ := count()
		pending += events
	}
	// An event that takes the queue is received when it is queued. It is stored, or
	// a duplicate, when a worker stores it.
	sum, received := t.senders.Add(t.worker), t.senders.Accepted()
	attrs := []slog.Attr{
		slog.Int64("received", received), slog.Int64("stored", sum.Stored), slog.Int64("duplicate", sum.Duplicate),
		slog.Int64("invalid", sum.Refused()), slog.Float64("rate", perSecond(received, took)), slog.Int("pending", pending),
	}
	if options.Queue != nil {
		attrs = append(attrs, slog.Int64("to_queue", t.senders.Queued), slog.Int64("from_queue", t.worker.Accepted()))
		ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
		defer cancel()
		if size, err := options.Queue(ctx); err == nil { // the circuit breaker logs outages of the queue
			attrs = append(attrs, slog.Int64("queued", size.Events))
		}
	}
	options.Logger.LogAttrs(ctx, slog.LevelInfo, "traffic", attrs...)
}

// perSecond returns a rate with one decimal.
func perSecond(events int64, took time.Duration) float64 {
	const decimal = 10
	if took <= 0 {
		return 0
	}
	return math.Round(float64(events)/took.Seconds()*decimal) / decimal
}
