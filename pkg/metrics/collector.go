package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout limits how long a scrape waits for a dependency. Prometheus
// itself waits 10 seconds by default.
const scrapeTimeout = 2 * time.Second

// collector reads its values at each scrape. The registry runs the collectors of
// one scrape concurrently.
type collector struct {
	descriptions []*prometheus.Desc
	read         func(ctx context.Context, out chan<- prometheus.Metric)
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, description := range c.descriptions {
		out <- description
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	c.read(ctx, out)
}

// collect registers a collector of the described metrics.
func (m *Metrics) collect(read func(context.Context, chan<- prometheus.Metric), descriptions ...*prometheus.Desc) {
	m.registry.MustRegister(&collector{descriptions: descriptions, read: read})
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func gauge(description *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, labels...)
}

func counter(description *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(description, prometheus.CounterValue, value, labels...)
}

// healthy is the value of a gauge that is 1 if there is no error.
func healthy(err error) float64 {
	if err == nil {
		return 1
	}
	return 0
}
