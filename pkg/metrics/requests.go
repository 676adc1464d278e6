package metrics

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// requests measures requests. Clients can't add series: routes and codes are the
// server's, and every unknown method has the label "other".
type requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec

	mu *sync.Mutex
	// known is replaced under mu and never changed, so a lookup needs no lock and
	// allocates nothing.
	known *atomic.Pointer[map[requestKind]requestSeries]
}

type requestKind struct {
	route, method string
	code          int
}

type requestSeries struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

func newRequests(factory promauto.Factory) requests {
	labels := []string{"route", "method", "code"}
	r := requests{
		total: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "eventagg_http_requests_total", Help: "Responses, by route, method and status code.",
		}, labels),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "eventagg_http_request_duration_seconds",
			Help:    "Time from the header of a request to the end of its response. Streams are left out: the client decides how long they are.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels),
		mu: new(sync.Mutex), known: new(atomic.Pointer[map[requestKind]requestSeries]),
	}
	r.known.Store(&map[requestKind]requestSeries{})
	return r
}

// RecordRequest counts a response and, unless it is a stream, its duration.
func (m *Metrics) RecordRequest(route, method string, code int, took time.Duration, stream bool) {
	kind := requestKind{route: route, method: knownMethod(method), code: code}
	series, found := (*m.requests.known.Load())[kind]
	if !found {
		series = m.requests.add(kind)
	}
	series.total.Inc()
	if !stream {
		series.duration.Observe(took.Seconds())
	}
}

func (r *requests) add(kind requestKind) requestSeries {
	r.mu.Lock()
	defer r.mu.Unlock()
	code := strconv.Itoa(kind.code)
	series := requestSeries{
		total:    r.total.WithLabelValues(kind.route, kind.method, code),
		duration: r.duration.WithLabelValues(kind.route, kind.method, code),
	}
	known := maps.Clone(*r.known.Load())
	known[kind] = series
	r.known.Store(&known)
	return series
}

// knownMethod returns the method if HTTP defines it, else "other".
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	default:
		return "other"
	}
}
