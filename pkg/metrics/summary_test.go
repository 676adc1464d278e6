package metrics_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// newLogger returns a logger that writes no times.
func newLogger(w *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// sleep advances the fake clock of a synctest bubble.
func sleep(d time.Duration) { time.Sleep(d) }

func TestSummarize(t *testing.T) {
	t.Parallel()
	size := func(context.Context) (queue.Size, error) { return queue.Size{Events: 7}, nil }
	failing := func(context.Context) (queue.Size, error) { return queue.Size{}, store.ErrUnavailable }
	for name, test := range map[string]struct {
		queue func(context.Context) (queue.Size, error)
		run   func(m *metrics.Metrics)
		want  []string
	}{
		"no events, no line": {nil, func(*metrics.Metrics) { sleep(time.Hour) }, nil},
		"a line counts the events of its interval": {nil, func(m *metrics.Metrics) {
			m.RecordEvents(event.Tally{Stored: 140, Duplicate: 60, Invalid: 2, Rejected: 1})
			sleep(15 * time.Second)
			m.RecordEvents(event.Tally{Stored: 10})
			sleep(10 * time.Second)
		}, []string{
			"received=200 stored=140 duplicate=60 invalid=3 rate=20 pending=5",
			"received=10 stored=10 duplicate=0 invalid=0 rate=1 pending=5",
		}},
		"an interval without events has no line": {nil, func(m *metrics.Metrics) {
			m.RecordEvents(event.Tally{Stored: 1})
			sleep(time.Minute)
			m.RecordEvents(event.Tally{Duplicate: 1})
			sleep(11 * time.Second)
		}, []string{
			"received=1 stored=1 duplicate=0 invalid=0 rate=0.1 pending=5",
			"received=1 stored=0 duplicate=1 invalid=0 rate=0.1 pending=5",
		}},
		"invalid events alone have a line": {nil, func(m *metrics.Metrics) {
			m.RecordEvents(event.Tally{Invalid: 4})
			sleep(11 * time.Second)
		}, []string{"received=0 stored=0 duplicate=0 invalid=4 rate=0 pending=5"}},
		"the last interval is shorter": {nil, func(m *metrics.Metrics) {
			sleep(12 * time.Second)
			m.RecordEvents(event.Tally{Stored: 30})
			sleep(time.Second)
		}, []string{"received=30 stored=30 duplicate=0 invalid=0 rate=10 pending=5"}},
		"a queue adds its counts and its size": {size, func(m *metrics.Metrics) {
			m.RecordEvents(event.Tally{Stored: 10, Queued: 90})
			m.RecordReceived(store.Received{Stored: 50, Duplicates: 33, Redelivered: 12})
			sleep(11 * time.Second)
		}, []string{"received=100 stored=60 duplicate=33 invalid=0 rate=10 pending=5 to_queue=90 from_queue=83 queued=7"}},
		"the size of an unavailable queue is left out": {failing, func(m *metrics.Metrics) {
			m.RecordEvents(event.Tally{Stored: 10})
			sleep(11 * time.Second)
		}, []string{"received=10 stored=10 duplicate=0 invalid=0 rate=1 pending=5 to_queue=0 from_queue=0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				m := metrics.New(metrics.Options{})
				m.WatchPending("database", func() (int, int) { return 2, 0 })
				m.WatchPending("queue", func() (int, int) { return 3, 0 })
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					m.Summarize(ctx, metrics.SummaryOptions{Logger: newLogger(&log), Queue: test.queue})
				}()
				synctest.Wait()
				test.run(m)
				stop()
				<-done
				want := ""
				for _, line := range test.want {
					want += "level=INFO msg=traffic " + line + "\n"
				}
				if got := log.String(); got != want {
					t.Errorf("logged\n%s\nwant\n%s", got, strings.TrimSpace(want))
				}
			})
		})
	}
}
