package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/eventagg/eventagg/pkg/api"
)

// Baseline is the report of an earlier run, to compare with.
type Baseline struct {
	// Name is where it comes from, such as the path of its file.
	Name string

	rate     float64
	latency  map[string]float64 // in milliseconds, by percentile
	counts   map[string]int64   // by metric
	settings map[string]string
}

var errNoReport = errors.New("not a report (write one with: eventagg publish -o json)")

// maxReportBytes limits the size of a report that is read.
const maxReportBytes = 4 << 20

// ReadBaseline reads the JSON of a [Report].
func ReadBaseline(name string, in io.Reader) (*Baseline, error) {
	var read struct {
		Rate      *float64           `json:"events_per_second"`
		Latency   map[string]float64 `json:"latency_ms"`
		Failed    int64              `json:"failed"`
		Invalid   int64              `json:"invalid"`
		Retried   int64              `json:"retried"`
		Published json.RawMessage    `json:"publish"` // of demo
		Settings  map[string]string  `json:"settings"`
	}
	data, err := io.ReadAll(io.LimitReader(in, maxReportBytes))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return nil, noReport(err)
	}
	if read.Published != nil && read.Rate == nil {
		if err := json.Unmarshal(read.Published, &read); err != nil {
			return nil, noReport(err)
		}
	}
	if read.Rate == nil || read.Latency == nil {
		return nil, errNoReport
	}
	return &Baseline{
		Name: name, rate: *read.Rate, latency: read.Latency, settings: read.Settings,
		counts: map[string]int64{"failed": read.Failed, "invalid": read.Invalid, "retried": read.Retried},
	}, nil
}

// noReport returns the error for JSON that is not a report. That of a value of another type
// has the Go type of the report, which no operator knows.
func noReport(err error) error {
	if other, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if other.Field == "" {
			return fmt.Errorf("%w: it is %s instead of an object", errNoReport, other.Value)
		}
		return fmt.Errorf("%w: %s is %s", errNoReport, other.Field, other.Value)
	}
	return fmt.Errorf("%w: %w", errNoReport, err)
}

// Comparison is a run beside an earlier one.
type Comparison struct {
	// Name is where the earlier report comes from.
	Name string `json:"with"`
	// Metrics are what both runs measured.
	Metrics []Ratio `json:"metrics"`
	// Different are the settings that were not equal.
	Different []Difference `json:"different_settings,omitempty"`
}

// Ratio compares one metric.
type Ratio struct {
	// Metric is a name as in [Check]. Latencies are in milliseconds.
	Metric string  `json:"metric"`
	Before float64 `json:"before"`
	Now    float64 `json:"now"`
	// Ratio is Now ÷ Before, or nil if Before is 0.
	Ratio *float64 `json:"ratio"`

	latency bool
}

// Difference is a setting that is not that of the earlier run. An empty text means that
// the report does not have it.
type Difference struct {
	Setting string `json:"setting"`
	Before  string `json:"before"`
	Now     string `json:"now"`
}

// Compare compares a report with an earlier one.
func (b *Baseline) Compare(r Report) *Comparison {
	c := &Comparison{Name: b.Name, Metrics: []Ratio{ratio("rate", b.rate, roundTo(r.Rate, 10))}}
	for _, p := range r.Latency.all() {
		if before, found := b.latency[p.name]; found {
			compared := ratio(p.name, before, millis(p.value))
			compared.latency = true
			c.Metrics = append(c.Metrics, compared)
		}
	}
	now := map[string]int64{"failed": r.Failed, "invalid": r.Refused(), "retried": r.Retried}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		c.Metrics = append(c.Metrics, ratio(name, float64(b.counts[name]), float64(now[name])))
	}
	names := maps.Clone(b.settings)
	if names == nil { // a report of an old version
		return c
	}
	maps.Copy(names, r.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before, now := b.settings[name], r.Settings[name]; before != now {
			c.Different = append(c.Different, Difference{name, before, now})
		}
	}
	return c
}

func ratio(metric string, before, now float64) Ratio {
	r := Ratio{Metric: metric, Before: before, Now: now}
	if before > 0 {
		quotient := roundTo(now/before, 1000)
		r.Ratio = &quotient
	}
	return r
}

// addTo adds the comparison as a table.
func (c *Comparison) addTo(t *text) {
	t.line("compared with %s:", api.Printable(c.Name))
	t.line("%-9s %s %s %s", "", pad("before", rowWidth), pad("now", rowWidth), pad("ratio", rowWidth))
	for _, r := range c.Metrics {
		quotient := ""
		if r.Ratio != nil {
			quotient = fmt.Sprintf("%.2f", *r.Ratio)
		}
		t.line("%s", strings.TrimRight(fmt.Sprintf("%-9s %s %s %s", r.Metric, pad(r.format(r.Before), rowWidth), pad(r.format(r.Now), rowWidth), pad(quotient, rowWidth)), " "))
	}
	for _, d := range c.Different {
		t.line("not the same --%s: %q before, %q now", api.Printable(d.Setting), d.Before, d.Now)
	}
}

func (r Ratio) format(value float64) string {
	if r.latency {
		return FormatDuration(time.Duration(value * float64(time.Millisecond)))
	}
	return humanize.Comma(int64(value + 0.5))
}
