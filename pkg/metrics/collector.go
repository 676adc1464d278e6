package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// patience is how long a scrape waits for an answer of a dependency. Prometheus
// itself waits for 10 seconds by default.
const patience = 2 * time.Second

// collector asks at each scrape, instead of being told. Collectors of one scrape
// run side by side.
type collector struct {
	descriptions []*prometheus.Desc
	ask          func(ctx context.Context, out chan<- prometheus.Metric)
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, description := range c.descriptions {
		out <- description
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.ask(ctx, out)
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

// watch asks at each scrape for metrics of these descriptions.
func (m *Metrics) watch(ask func(context.Context, chan<- prometheus.Metric), descriptions ...*prometheus.Desc) {
	m.registry.MustRegister(&collector{descriptions: descriptions, ask: ask})
}

// truth is 1 for true, as Prometheus has it.
func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
