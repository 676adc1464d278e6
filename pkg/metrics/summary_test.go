package metrics_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// plain is a logger without times.
func plain(w *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the clock of a bubble

func TestSummary(t *testing.T) {
	t.Parallel()
	size := func(context.Context) (queue.Size, error) { return queue.Size{Events: 7}, nil }
	gone := func(context.Context) (queue.Size, error) { return queue.Size{}, store.ErrUnavailable }
	for name, test := range map[string]struct {
		queue func(context.Context) (queue.Size, error)
		run   func(m *metrics.Metrics)
		want  []string
	}{
		"nothing comes, nothing is said": {nil, func(*metrics.Metrics) { pass(time.Hour) }, nil},
		"a line has its own interval only": {nil, func(m *metrics.Metrics) {
			m.Answered(140, 60, 0, 2, 1)
			pass(15 * time.Second)
			m.Answered(10, 0, 0, 0, 0)
			pass(10 * time.Second)
		}, []string{
			"received=200 unique=140 duplicate=60 invalid=3 rate=20 pending=5",
			"received=10 unique=10 duplicate=0 invalid=0 rate=1 pending=5",
		}},
		"silence in between has no line": {nil, func(m *metrics.Metrics) {
			m.Answered(1, 0, 0, 0, 0)
			pass(time.Minute)
			m.Answered(0, 1, 0, 0, 0)
			pass(11 * time.Second)
		}, []string{
			"received=1 unique=1 duplicate=0 invalid=0 rate=0.1 pending=5",
			"received=1 unique=0 duplicate=1 invalid=0 rate=0.1 pending=5",
		}},
		"only invalid ones are worth a line": {nil, func(m *metrics.Metrics) {
			m.Answered(0, 0, 0, 4, 0)
			pass(11 * time.Second)
		}, []string{"received=0 unique=0 duplicate=0 invalid=4 rate=0 pending=5"}},
		"the end comes before its time": {nil, func(m *metrics.Metrics) {
			pass(12 * time.Second)
			m.Answered(30, 0, 0, 0, 0)
			pass(time.Second)
		}, []string{"received=30 unique=30 duplicate=0 invalid=0 rate=10 pending=5"}},
		"a queue is told of": {size, func(m *metrics.Metrics) {
			m.Answered(10, 0, 90, 0, 0)
			m.Received(store.Received{Stored: 50, Duplicates: 33, Redelivered: 12})
			pass(11 * time.Second)
		}, []string{"received=100 unique=60 duplicate=33 invalid=0 rate=10 pending=5 to_queue=90 from_queue=83 queued=7"}},
		"a queue that is away is not made up": {gone, func(m *metrics.Metrics) {
			m.Answered(10, 0, 0, 0, 0)
			pass(11 * time.Second)
		}, []string{"received=10 unique=10 duplicate=0 invalid=0 rate=1 pending=5 to_queue=0 from_queue=0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				m := metrics.New(metrics.Options{})
				m.WatchPending("database", func() (int, int) { return 2, 0 })
				m.WatchPending("broker", func() (int, int) { return 3, 0 })
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					m.Summarize(ctx, metrics.SummaryOptions{Logger: plain(&log), Queue: test.queue})
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
