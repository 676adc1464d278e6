package metrics

import (
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options say what is measured. The zero value of each field stands for its
// default.
type Options struct {
	// Version is the program's, default "unknown".
	Version string
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// Metrics measures one server. Make one with [New], give its methods to what is
// to be measured, and then serve its [Metrics.Handler]. The methods that record
// may be called by many goroutines at once; those that begin with Watch are
// called once each, before the first scrape.
type Metrics struct {
	registry *prometheus.Registry
	make     promauto.Factory
	now      func() time.Time

	requests requests
	events   outcomes
	worker   outcomes
	flushes  flushes
	missing  *prometheus.CounterVec

	pending []func() (events, bytes int)
	// followers counts who follows the events; see WatchFollowers.
	followers atomic.Pointer[func() int]
}

// New returns metrics in which everything is 0.
func New(options Options) *Metrics {
	if options.Version == "" {
		options.Version = "unknown"
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	registry := prometheus.NewRegistry()
	m := &Metrics{registry: registry, make: promauto.With(registry), now: options.Now}
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.make.NewGauge(prometheus.GaugeOpts{
		Name: "eventagg_build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": options.Version, "goversion": runtime.Version()},
	}).Set(1)
	m.requests = newRequests(m.make)
	m.events = newOutcomes(m.make, "eventagg_events_total",
		"Events that senders were told the fate of, by this instance and outcome.",
		outcomeStored, outcomeDuplicate, outcomeQueued, outcomeInvalid, outcomeRejected)
	m.worker = newOutcomes(m.make, "eventagg_worker_events_total",
		"Events that this instance moved from the queue, by outcome; redelivered ones were stored before and count nowhere else.",
		outcomeStored, outcomeDuplicate, outcomeRedelivered, outcomeDeadLetter)
	m.flushes = newFlushes(m.make)
	m.missing = m.make.NewCounterVec(prometheus.CounterOpts{
		Name: "eventagg_scrape_errors_total", Help: "Times that a scrape got no answer from a dependency and left its metrics out.",
	}, []string{"source"})
	m.make.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_stream_followers", Help: "Clients that follow the events on this instance.",
	}, m.countFollowers)
	return m
}

// Handler answers a scrape. One part that fails leaves the others readable.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, ErrorHandling: promhttp.ContinueOnError,
	})
}
