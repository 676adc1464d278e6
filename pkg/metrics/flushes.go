package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// flushes measures group commits, each under the name of what it appends to.
type flushes struct {
	size     *prometheus.HistogramVec
	duration *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

// labelIngest names a group commit by what it appends to.
const labelIngest = "ingest"

func newFlushes(factory promauto.Factory) flushes {
	labels := []string{labelIngest}
	return flushes{
		size: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eventagg_ingest_batch_events", Help: "Events that a group commit appended at a time.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000},
		}, labels),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eventagg_ingest_flush_duration_seconds", Help: "Time that a group commit's append took, failed ones included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "eventagg_ingest_flush_failures_total", Help: "Appends of a group commit that failed; their events took another way, or their senders were told to try again.",
		}, labels),
	}
}

// Flushes returns what the group commit of that name calls after each append:
// with how many events it had, how long it took and its error.
func (m *Metrics) Flushes(name string) func(events int, took time.Duration, err error) {
	size, duration := m.flushes.size.WithLabelValues(name), m.flushes.duration.WithLabelValues(name)
	failures := m.flushes.failures.WithLabelValues(name)
	return func(events int, took time.Duration, err error) {
		size.Observe(float64(events))
		duration.Observe(took.Seconds())
		if err != nil {
			failures.Inc()
		}
	}
}

// WatchPending asks at each scrape what waits in the group commit of that name.
func (m *Metrics) WatchPending(name string, pending func() (events, bytes int)) {
	m.pending = append(m.pending, pending)
	labels := prometheus.Labels{labelIngest: name}
	m.make.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_ingest_pending_events", Help: "Events that are accepted and not yet answered, in memory.", ConstLabels: labels,
	}, func() float64 {
		events, _ := pending()
		return float64(events)
	})
	m.make.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_ingest_pending_bytes", Help: "What the events that are accepted and not yet answered take in memory.", ConstLabels: labels,
	}, func() float64 {
		_, bytes := pending()
		return float64(bytes)
	})
}
