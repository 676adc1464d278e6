package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestBaseline_ComparesReports(t *testing.T) {
	t.Parallel()
	before := sampleReport()
	before.Settings = map[string]string{"concurrency": "20", "gzip": "false", "old": "1"}
	now := sampleReport()
	now.Rate, now.Latency.P50, now.Failed, now.Retried = 2*before.Rate, before.Latency.P50/4, 7, 0
	now.Latency.Others = []Percentile{{75, time.Second}}
	now.Settings = map[string]string{"concurrency": "64", "gzip": "false"}
	data, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"the report of publish":           data,
		"the report of demo contains one": []byte(`{"publish":` + string(data) + `,"stats":{}}`),
	} {
		baseline, err := ReadBaseline("before.json", bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		now.Comparison = baseline.Compare(now)
		var out bytes.Buffer
		if err := now.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		const want = `compared with before.json:
                before          now        ratio
rate            16,208       32,415         2.00
p50             812 µs       203 µs         0.25
p90            2.35 ms      2.35 ms         1.00
p99            50.0 ms      50.0 ms         1.00
p99.9           123 ms       123 ms         1.00
max             1.20 s       1.20 s         1.00
failed               0            7
invalid              0            0
retried              2            0         0.00
not the same --concurrency: "20" before, "64" now
not the same --old: "1" before, "" now
`
		if _, got, _ := strings.Cut(out.String(), "compared"); "compared"+got != want {
			t.Errorf("%s:\n got\n%s\nwant\n%s", name, "compared"+got, want)
		}
	}
}

func TestReadBaseline_RefusesOtherFiles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "[]", "{}", `{"publish":3}`, `{"events_per_second":1}`, `{"latency_ms":{}}`, `{"events_per_second":"fast","latency_ms":{}}`} {
		if _, err := ReadBaseline("x", strings.NewReader(text)); !errors.Is(err, errNoReport) || strings.Contains(err.Error(), "Go value") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
