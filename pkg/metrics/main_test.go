package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tester is the common part of testing.T and rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// scrape requests and parses the metrics as Prometheus does.
func scrape(t tester, m *metrics.Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	response := httptest.NewRecorder()
	m.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if response.Code != http.StatusOK {
		t.Fatalf("status %d: %s", response.Code, response.Body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// find returns the metric of a family that has these labels (name, value, …), or
// nil.
func find(families map[string]*dto.MetricFamily, name string, labels ...string) *dto.Metric {
next:
	for _, metric := range families[name].GetMetric() {
		got := map[string]string{}
		for _, pair := range metric.GetLabel() {
			got[pair.GetName()] = pair.GetValue()
		}
		for i := 0; i < len(labels); i += 2 {
			if got[labels[i]] != labels[i+1] {
				continue next
			}
		}
		return metric
	}
	return nil
}

// expect compares a counter or gauge. It wants -1 if there is no such metric.
func expect(t *testing.T, families map[string]*dto.MetricFamily, want float64, name string, labels ...string) {
	t.Helper()
	got, metric := -1.0, find(families, name, labels...)
	switch {
	case metric.GetCounter() != nil:
		got = metric.GetCounter().GetValue()
	case metric.GetGauge() != nil:
		got = metric.GetGauge().GetValue()
	}
	if got != want {
		t.Errorf("%s %q: got %v, want %v", name, labels, got, want)
	}
}
