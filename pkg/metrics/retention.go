package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eventagg/eventagg/pkg/store"
)

// newRetained counts what retention has dropped.
func newRetained(factory promauto.Factory) *prometheus.CounterVec {
	dropped := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "eventagg_retention_dropped_total",
		Help: "What retention of this instance has dropped: data of events, and identities.",
	}, []string{"what"})
	for _, what := range []string{"events", "identities"} {
		dropped.WithLabelValues(what)
	}
	return dropped
}

// RecordRetained counts what a step of retention has dropped.
func (m *Metrics) RecordRetained(step store.Retained) {
	m.retained.WithLabelValues("events").Add(float64(step.Events))
	m.retained.WithLabelValues("identities").Add(float64(step.Identities))
}

// WatchHoldings reads at each scrape what the store holds. overdue returns for how long
// the oldest data could have been dropped.
func (m *Metrics) WatchHoldings(held func(context.Context) (store.Holdings, error), overdue func(store.Holdings) time.Duration) {
	oldest := describe("eventagg_oldest_event_seconds", "Age of the oldest event whose data is stored, 0 if there is none.")
	late := describe("eventagg_retention_overdue_seconds", "For how long the oldest event data could have been dropped, 0 without retention.max_age. PostgreSQL drops whole partitions, which counts.")
	parts := describe("eventagg_partitions", "Parts in which event data is stored and dropped: partitions of PostgreSQL, also those for later events. SQLite has 1.")
	bytes := describe("eventagg_stored_bytes", "Size on the disk: of event data (in SQLite of everything), and in PostgreSQL also of identities and of the log that keeps the order.", "what")
	scrapeErrors := m.scrapeErrors.WithLabelValues("database")
	m.collect(func(ctx context.Context, out chan<- prometheus.Metric) {
		now, err := held(ctx)
		if err != nil {
			scrapeErrors.Inc()
			return
		}
		age, data := time.Duration(0), int64(0)
		if !now.Oldest.IsZero() {
			age = max(0, m.now().Sub(now.Oldest))
		}
		for _, part := range now.Parts {
			data += part.Bytes
		}
		out <- gauge(oldest, age.Seconds())
		out <- gauge(late, overdue(now).Seconds())
		out <- gauge(parts, float64(len(now.Parts)))
		out <- gauge(bytes, float64(data), "events")
		out <- gauge(bytes, float64(now.IdentityBytes), "identities")
		out <- gauge(bytes, float64(now.LogBytes), "log")
	}, oldest, late, parts, bytes)
}
