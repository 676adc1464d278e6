package metrics

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventagg/eventagg/pkg/queue"
)

// WatchStore checks the store at each scrape. It is up if check returns nil.
func (m *Metrics) WatchStore(check func(context.Context) error) {
	m.watchHealth("eventagg_store_up", "1 if the database can be read and written, 0 if not. GET /readyz shows the same.", check)
}

// WatchQueue checks the queue and reads its size at each scrape.
func (m *Metrics) WatchQueue(check func(context.Context) error, size func(context.Context) (queue.Size, error)) {
	m.watchHealth("eventagg_queue_up", "1 if the queue is available and durable, 0 if not. GET /readyz shows the same.", check)
	events := describe("eventagg_queue_events", "Events in the queue that are not stored yet, all instances.")
	bytes := describe("eventagg_queue_bytes", "Approximate memory of the events in the queue, all instances.")
	deadLetters := describe("eventagg_queue_dead_letters", "Events that could not be stored and are kept as dead letters, all instances.")
	scrapeErrors := m.scrapeErrors.WithLabelValues("queue")
	m.collect(func(ctx context.Context, out chan<- prometheus.Metric) {
		now, err := size(ctx)
		if err != nil {
			scrapeErrors.Inc()
			return
		}
		out <- gauge(events, float64(now.Events))
		out <- gauge(bytes, float64(now.Bytes))
		out <- gauge(deadLetters, float64(now.DeadLetters))
	}, events, bytes, deadLetters)
}

func (m *Metrics) watchHealth(name, help string, check func(context.Context) error) {
	up := describe(name, help)
	m.collect(func(ctx context.Context, out chan<- prometheus.Metric) {
		out <- gauge(up, healthy(check(ctx)))
	}, up)
}

// WatchCircuits reads the circuit breakers at each scrape, by target. A breaker
// is closed if its state is nil.
func (m *Metrics) WatchCircuits(states map[string]func() error) {
	closed := describe("eventagg_circuit_closed",
		"1 if the circuit breaker is closed and events go to the target, 0 if it is open because the target is unavailable.", labelTarget)
	m.collect(func(_ context.Context, out chan<- prometheus.Metric) {
		for target, state := range states {
			out <- gauge(closed, healthy(state()), target)
		}
	}, closed)
}

// Pool is the use of a pool of database connections.
type Pool struct {
	Name             string
	InUse, Idle, Max int
	// Waits counts the calls that found no idle connection. Waited is the sum of
	// their waiting times.
	Waits  int64
	Waited time.Duration
}

// WatchPools reads the use of the database connections at each scrape.
func (m *Metrics) WatchPools(pools func() []Pool) {
	const labelPool = "pool"
	connections := describe("eventagg_postgres_connections", "Connections to PostgreSQL, by pool and state.", labelPool, "state")
	maximum := describe("eventagg_postgres_connections_max", "Maximum number of connections to PostgreSQL, by pool.", labelPool)
	waits := describe("eventagg_postgres_connection_waits_total", "Calls that found no idle connection to PostgreSQL.", labelPool)
	waited := describe("eventagg_postgres_connection_wait_seconds_total", "Time that calls waited for a connection to PostgreSQL.", labelPool)
	m.collect(func(_ context.Context, out chan<- prometheus.Metric) {
		for _, p := range pools() {
			out <- gauge(connections, float64(p.InUse), p.Name, "in_use")
			out <- gauge(connections, float64(p.Idle), p.Name, "idle")
			out <- gauge(maximum, float64(p.Max), p.Name)
			out <- counter(waits, float64(p.Waits), p.Name)
			out <- counter(waited, p.Waited.Seconds(), p.Name)
		}
	}, connections, maximum, waits, waited)
}

// WatchReports reads at each scrape how many duplicates have no report.
func (m *Metrics) WatchReports(dropped func() int64) {
	unreported := describe("eventagg_duplicates_unreported_total",
		"Duplicates that are counted, but missing in the reports of GET /duplicates because too many arrived at once.")
	m.collect(func(_ context.Context, out chan<- prometheus.Metric) { out <- counter(unreported, float64(dropped())) }, unreported)
}

// WatchWAL reads the size of SQLite's write-ahead log at each scrape.
func (m *Metrics) WatchWAL(bytes func() (int64, error)) {
	size := describe("eventagg_sqlite_wal_bytes", "Size of the write-ahead log beside the SQLite file.")
	scrapeErrors := m.scrapeErrors.WithLabelValues("database")
	m.collect(func(_ context.Context, out chan<- prometheus.Metric) {
		now, err := bytes()
		if err != nil {
			scrapeErrors.Inc()
			return
		}
		out <- gauge(size, float64(now))
	}, size)
}

// WatchCertificate reads at each scrape when the TLS certificate expires. Without this
// call the metric is +Inf.
func (m *Metrics) WatchCertificate(notAfter func() time.Time) { m.notAfter.Store(&notAfter) }

func (m *Metrics) certificateSeconds() float64 {
	notAfter := m.notAfter.Load()
	if notAfter == nil {
		return math.Inf(1)
	}
	return (*notAfter)().Sub(m.now()).Seconds()
}

// RecordReloadFailure counts changed files that can't be used, by what they contain:
// "tls" or "keys".
func (m *Metrics) RecordReloadFailure(what string) { m.reloadFailures.WithLabelValues(what).Inc() }

// WatchFollowers reads the number of followers at each scrape. Without this call
// the metric is 0.
func (m *Metrics) WatchFollowers(count func() int) { m.followers.Store(&count) }

func (m *Metrics) countFollowers() float64 {
	count := m.followers.Load()
	if count == nil {
		return 0
	}
	return float64((*count)())
}
