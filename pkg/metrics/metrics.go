package metrics

import (
	"cmp"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options configure [New]. Zero fields stand for their defaults.
type Options struct {
	// Version of the program, default "unknown".
	Version string
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	o.Version = cmp.Or(o.Version, "unknown")
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Metrics measures one server. Make one with [New], connect its methods, then
// serve its [Metrics.Handler]. The Record methods and the recorders are safe for
// concurrent use. Call each Watch method once, before the first scrape.
type Metrics struct {
	registry *prometheus.Registry
	factory  promauto.Factory
	now      func() time.Time

	requests     requests
	events       outcomes
	worker       outcomes
	flushes      flushes
	limited      *prometheus.CounterVec
	access       access
	connections  *prometheus.CounterVec
	scrapeErrors *prometheus.CounterVec

	reloadFailures *prometheus.CounterVec
	retained       *prometheus.CounterVec

	pending []func() (events, bytes int)
	// followers returns the number of followers; see WatchFollowers.
	followers atomic.Pointer[func() int]
	// notAfter returns when the certificate expires; see WatchCertificate.
	notAfter atomic.Pointer[func() time.Time]
}

// New returns metrics whose counters are all 0.
func New(options Options) *Metrics {
	options = options.WithDefaults()
	registry := prometheus.NewRegistry()
	m := &Metrics{registry: registry, factory: promauto.With(registry), now: options.Now}
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.factory.NewGauge(prometheus.GaugeOpts{
		Name: "eventagg_build_info", Help: "Always 1. The labels name the version of the program.",
		ConstLabels: prometheus.Labels{"version": options.Version, "goversion": runtime.Version()},
	}).Set(1)
	m.requests = newRequests(m.factory)
	m.events = newOutcomes(m.factory, "eventagg_events_total",
		"Events by the outcome in the response of this instance.",
		outcomeStored, outcomeDuplicate, outcomeQueued, outcomeInvalid, outcomeRejected)
	m.worker = newOutcomes(m.factory, "eventagg_worker_events_total",
		"Events that this instance took from the queue, by outcome. Redelivered events were stored by an earlier delivery.",
		outcomeStored, outcomeDuplicate, outcomeRedelivered, outcomeDeadLetter)
	m.flushes = newFlushes(m.factory)
	m.limited, m.connections = newLimited(m.factory), newConnectionLimits(m.factory)
	m.access = newAccess(m.factory)
	m.retained = newRetained(m.factory)
	m.scrapeErrors = m.factory.NewCounterVec(prometheus.CounterOpts{
		Name: "eventagg_scrape_errors_total", Help: "Scrapes that left metrics out because a dependency failed or did not respond.",
	}, []string{"source"})
	m.reloadFailures = m.factory.NewCounterVec(prometheus.CounterOpts{
		Name: "eventagg_reload_failures_total", Help: "Changed files that could not be used, so that what was loaded before stays in use.",
	}, []string{"what"})
	for _, what := range []string{"tls", "keys"} {
		m.reloadFailures.WithLabelValues(what)
	}
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_tls_expiry_seconds", Help: "Time until the TLS certificate in use expires, negative afterwards; +Inf without TLS.",
	}, m.certificateSeconds)
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eventagg_stream_followers", Help: "Clients that follow the event stream of this instance.",
	}, m.countFollowers)
	return m
}

// Handler serves the metrics. If one collector fails, the response has the
// metrics of the others.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, ErrorHandling: promhttp.ContinueOnError,
	})
}
