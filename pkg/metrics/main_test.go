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

// failer is what tests of both kinds have, those of testing and of rapid.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// scrape reads the metrics as Prometheus does.
func scrape(t failer, m *metrics.Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// find returns the metric of a family that has these labels, in pairs; nil where
// there is none.
func find(families map[string]*dto.MetricFamily, name string, labels ...string) *dto.Metric {
next:
	for _, metric := range families[name].GetMetric() {
		has := map[string]string{}
		for _, pair := range metric.GetLabel() {
			has[pair.GetName()] = pair.GetValue()
		}
		for i := 0; i < len(labels); i += 2 {
			if has[labels[i]] != labels[i+1] {
				continue next
			}
		}
		return metric
	}
	return nil
}

// expect compares a counter or gauge; -1 says that there is none.
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
		t.Errorf("%s %q is %v, want %v", name, labels, got, want)
	}
}
