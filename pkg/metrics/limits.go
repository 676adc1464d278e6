package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// newLimited counts requests that exceeded a limit of their client. All addresses share
// one series, and the keys file bounds the number of keys.
func newLimited(factory promauto.Factory) *prometheus.CounterVec {
	limited := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "eventagg_limited_requests_total",
		Help: "Requests above the limits of their client: refused with 429, or slowed down (NDJSON). The client is a key, or \"address\" for all requests without a key.",
	}, []string{"client", "result"})
	for _, result := range []string{resultRefused, resultSlowed} {
		limited.WithLabelValues(noKey, result) // exists from the start, so that rate() sees the first one
	}
	return limited
}

// Values of labels.
const (
	noKey         = "address"
	resultRefused = "refused"
	resultSlowed  = "slowed"
)

// RecordLimited counts a request that exceeded a limit of its client. key is the ID of
// the client's key, "" without one. slowed is set if it was slowed down, not refused.
func (m *Metrics) RecordLimited(key string, slowed bool) {
	client, result := noKey, resultRefused
	if key != "" {
		client = "key " + key
	}
	if slowed {
		result = resultSlowed
	}
	m.limited.WithLabelValues(client, result).Inc()
}
