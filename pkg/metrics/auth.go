package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eventagg/eventagg/pkg/event"
)

const labelReason = "reason"

// access counts what clients with and without keys do.
type access struct {
	failures *prometheus.CounterVec
	events   *prometheus.CounterVec
}

func newAccess(factory promauto.Factory) access {
	a := access{
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "eventagg_auth_failures_total",
			Help: "Requests that were refused because of their API key: missing, invalid, limited (too many invalid keys from an address) or scope and topic (the key may not do this).",
		}, []string{labelReason}),
		events: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "eventagg_key_events_total",
			Help: "Events by the key of their sender and the outcome in the response of this instance. Only the IDs in the keys file occur.",
		}, []string{"key", "outcome"}),
	}
	for _, reason := range []string{"missing", "invalid", "limited", "scope", "topic"} {
		a.failures.WithLabelValues(reason) // exists from the start, so that rate() sees the first one
	}
	return a
}

// RecordAuthFailure counts a request that was refused because of its key.
func (m *Metrics) RecordAuthFailure(reason string) { m.access.failures.WithLabelValues(reason).Inc() }

// RecordKeyEvents counts events of a sender with a key. It runs for each request, so it
// has no map and no loop over the outcomes that did not occur.
func (m *Metrics) RecordKeyEvents(key string, t event.Tally) {
	m.addKeyEvents(key, outcomeStored, t.Stored)
	m.addKeyEvents(key, outcomeDuplicate, t.Duplicate)
	m.addKeyEvents(key, outcomeQueued, t.Queued)
	m.addKeyEvents(key, outcomeInvalid, t.Invalid)
	m.addKeyEvents(key, outcomeRejected, t.Rejected)
}

func (m *Metrics) addKeyEvents(key, outcome string, n int64) {
	if n > 0 {
		m.access.events.WithLabelValues(key, outcome).Add(float64(n))
	}
}

// WatchKeys reads the number of valid keys at each scrape.
func (m *Metrics) WatchKeys(count func() int) {
	keys := describe("eventagg_auth_keys", "API keys in use, from auth.keys_file and auth.keys.")
	m.collect(func(_ context.Context, out chan<- prometheus.Metric) { out <- gauge(keys, float64(count())) }, keys)
}
