package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventagg/eventagg/pkg/queue"
)

// WatchStore asks at each scrape whether the store is well: nil says that it is.
func (m *Metrics) WatchStore(check func(context.Context) error) {
	m.watchHealth("eventagg_store_up", "1 while the database can be reached and written to, as GET /readyz says.", check)
}

// WatchBroker asks at each scrape whether the queue is well, and what it holds.
func (m *Metrics) WatchBroker(check func(context.Context) error, size func(context.Context) (queue.Size, error)) {
	m.watchHealth("eventagg_broker_up", "1 while the queue can be reached and is durable, as GET /readyz says.", check)
	events := describe("eventagg_queue_events", "Events that are queued and not done, of all instances.")
	bytes := describe("eventagg_queue_bytes", "About what the queued events take, of all instances.")
	dead := describe("eventagg_queue_dead_letters", "Events that could not be stored, of all instances.")
	missing := m.missing.WithLabelValues("queue")
	m.watch(func(ctx context.Context, out chan<- prometheus.Metric) {
		held, err := size(ctx)
		if err != nil {
			missing.Inc()
			return
		}
		out <- gauge(events, float64(held.Events))
		out <- gauge(bytes, float64(held.Bytes))
		out <- gauge(dead, float64(held.DeadLetters))
	}, events, bytes, dead)
}

func (m *Metrics) watchHealth(name, help string, check func(context.Context) error) {
	up := describe(name, help)
	m.watch(func(ctx context.Context, out chan<- prometheus.Metric) {
		out <- gauge(up, truth(check(ctx) == nil))
	}, up)
}

// WatchGates asks at each scrape which gates are open, by their names: nil says
// that one is.
func (m *Metrics) WatchGates(states map[string]func() error) {
	open := describe("eventagg_gate_open", "1 while events may go this way, 0 while it is closed since what lies behind is away.", "way")
	m.watch(func(_ context.Context, out chan<- prometheus.Metric) {
		for way, state := range states {
			out <- gauge(open, truth(state() == nil), way)
		}
	}, open)
}

// Pool is the use of a pool of database connections.
type Pool struct {
	Name             string
	InUse, Idle, Max int
	// Waits counts the calls that found no connection idle, and Waited is how
	// long they waited together.
	Waits  int64
	Waited time.Duration
}

// WatchPools asks at each scrape how the database's connections are used.
func (m *Metrics) WatchPools(pools func() []Pool) {
	const labelPool = "pool"
	connections := describe("eventagg_postgres_connections", "Connections to PostgreSQL, by pool and state.", labelPool, "state")
	most := describe("eventagg_postgres_connections_max", "Connections to PostgreSQL that the pool may have.", labelPool)
	waits := describe("eventagg_postgres_connection_waits_total", "Calls that found no connection to PostgreSQL idle.", labelPool)
	waited := describe("eventagg_postgres_connection_wait_seconds_total", "Time that calls waited for a connection to PostgreSQL.", labelPool)
	m.watch(func(_ context.Context, out chan<- prometheus.Metric) {
		for _, p := range pools() {
			out <- gauge(connections, float64(p.InUse), p.Name, "in_use")
			out <- gauge(connections, float64(p.Idle), p.Name, "idle")
			out <- gauge(most, float64(p.Max), p.Name)
			out <- counter(waits, float64(p.Waits), p.Name)
			out <- counter(waited, p.Waited.Seconds(), p.Name)
		}
	}, connections, most, waits, waited)
}

// WatchFollowers asks at each scrape how many clients follow the events; without
// it there are none.
func (m *Metrics) WatchFollowers(count func() int) { m.followers.Store(&count) }

func (m *Metrics) countFollowers() float64 {
	count := m.followers.Load()
	if count == nil {
		return 0
	}
	return float64((*count)())
}
