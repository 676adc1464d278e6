package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// flushes measures group commits, by target.
type flushes struct {
	size     *prometheus.HistogramVec
	duration *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

// labelTarget is where events are appended: "database" or "queue".
const labelTarget = "target"

func newFlushes(factory promauto.Factory) flushes {
	labels := []string{labelTarget}
	return flushes{
		size: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eventagg_ingest_batch_events", Help: "Events in one append of a group commit.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000},
		}, labels),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eventagg_ingest_flush_duration_seconds", Help: "Duration of one append of a group commit, including failed ones.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "eventagg_ingest_flush_failures_total",
			Help: "Failed appends of a group commit. Their events went to the other target, or their senders got 503.",
		}, labels),
	}
}

// FlushRecorder returns a function that measures one append to the target. It is
// made for OnFlush in the options of package ingest.
func (m *Metrics) FlushRecorder(target string) func(events int, took time.Duration, err error) {
	size, duration := m.flushes.size.WithLabelValues(target), m.flushes.duration.WithLabelValues(target)
	failures := m.flushes.failures.WithLabelValues(target)
	return func(events int, took time.Duration, err error) {
		size.Observe(float64(events))
		duration.Observe(took.Seconds())
		if err != nil {
			failures.Inc()
		}
	}
}

// WatchPending measures at each scrape the events in memory that wait for an
// append to the target.
func (m *Metrics) WatchPending(target string, pending func() (events, bytes int)) {
	m.pending = append(m.pending, pending)
	labels := prometheus.Labels{labelTarget: target}
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_ingest_pending_events", Help: "Accepted events in memory that have no response yet.", ConstLabels: labels,
	}, func() float64 {
		events, _ := pending()
		return float64(events)
	})
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_ingest_pending_bytes", Help: "Memory of the accepted events that have no response yet.", ConstLabels: labels,
	}, func() float64 {
		_, bytes := pending()
		return float64(bytes)
	})
}
