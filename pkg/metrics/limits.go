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

// newConnectionLimits counts new connections above the limit, by the result.
func newConnectionLimits(factory promauto.Factory) *prometheus.CounterVec {
	limited := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "eventagg_limited_connections_total",
		Help: "New connections above http.max_connections or above the share of their address: unused ones were closed for them (idle_closed), their requests get 503 (unavailable), or they were closed (refused).",
	}, []string{"result"})
	for _, result := range []string{"idle_closed", "unavailable", "refused"} {
		limited.WithLabelValues(result)
	}
	return limited
}

// RecordConnectionLimit counts a new connection above the limit.
func (m *Metrics) RecordConnectionLimit(result string) { m.connections.WithLabelValues(result).Inc() }

// WatchConnections adds the number of open connections.
func (m *Metrics) WatchConnections(count func() int) {
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_connections", Help: "Open connections of clients to this instance.",
	}, func() float64 { return float64(count()) })
}
