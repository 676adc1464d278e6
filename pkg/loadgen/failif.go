package loadgen

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Check is a condition that fails a run, such as p99>50ms.
type Check struct {
	// Metric is a duration (p50, p90, p99, p99.9 or max) or a number (rate in
	// events/s, sent, success, ignored, invalid, failed or retried).
	Metric string
	// Operator is one of > >= < <=.
	Operator string
	// Bound is the value to compare with. Durations are in nanoseconds.
	Bound float64
}

// ParseCheck parses a check: a metric, an operator and a value, with optional
// spaces between them. A duration needs a unit.
func ParseCheck(text string) (Check, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Check{}, fmt.Errorf("%q: invalid check (expected a metric, one of > >= < <= and a value, for example p99>50ms)", text)
	}
	c := Check{Metric: strings.TrimSpace(text[:at]), Operator: text[at : at+1]}
	value := text[at+1:]
	if strings.HasPrefix(value, "=") {
		c.Operator += "="
		value = value[1:]
	}
	value = strings.TrimSpace(value)
	switch {
	case slices.Contains(durationMetrics(), c.Metric):
		bound, err := time.ParseDuration(value)
		if err != nil || bound < 0 {
			return Check{}, fmt.Errorf("%q: invalid duration %q (expected for example 50ms or 1.5s)", text, value)
		}
		c.Bound = float64(bound)
	case slices.Contains(numberMetrics(), c.Metric):
		bound, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(bound) || math.IsInf(bound, 0) || bound < 0 {
			return Check{}, fmt.Errorf("%q: invalid number %q (expected for example 100 or 2.5)", text, value)
		}
		c.Bound = bound
	default:
		return Check{}, fmt.Errorf("%q: unknown metric %q (expected one of %s)", text, c.Metric,
			strings.Join(slices.Concat(durationMetrics(), numberMetrics()), ", "))
	}
	return c, nil
}

func durationMetrics() []string { return []string{"p50", "p90", "p99", "p99.9", "max"} }

func numberMetrics() []string {
	return []string{"rate", "sent", "success", "ignored", "invalid", "failed", "retried"}
}

// String returns the check in the form that [ParseCheck] parses.
func (c Check) String() string {
	if slices.Contains(durationMetrics(), c.Metric) {
		return c.Metric + c.Operator + time.Duration(c.Bound).String()
	}
	return c.Metric + c.Operator + strconv.FormatFloat(c.Bound, 'f', -1, 64)
}

// CheckResult is the result of a [Check].
type CheckResult struct {
	// Check is the condition as text.
	Check string `json:"check"`
	// Failed reports that the condition holds, so the run failed.
	Failed bool `json:"failed"`
	// Measured is the value of the metric with its unit.
	Measured string `json:"measured"`

	metric string
}

// String returns one line of text.
func (r CheckResult) String() string {
	verdict := "ok"
	if r.Failed {
		verdict = "FAILED"
	}
	return fmt.Sprintf("fail-if %s: %s, %s is %s", r.Check, verdict, r.metric, r.Measured)
}

// Eval evaluates the check for a report.
func (c Check) Eval(r Report) CheckResult {
	value, measured := c.measure(r)
	result := CheckResult{Check: c.String(), Measured: measured, metric: c.Metric}
	switch c.Operator {
	case ">":
		result.Failed = value > c.Bound
	case ">=":
		result.Failed = value >= c.Bound
	case "<":
		result.Failed = value < c.Bound
	case "<=":
		result.Failed = value <= c.Bound
	}
	return result
}

// measure returns the value of the metric, also as text.
func (c Check) measure(r Report) (float64, string) {
	durations := map[string]time.Duration{
		"p50": r.Latency.P50, "p90": r.Latency.P90, "p99": r.Latency.P99, "p99.9": r.Latency.P999, "max": r.Latency.Max,
	}
	if d, ok := durations[c.Metric]; ok {
		return float64(d), d.String() // not rounded: 50.001ms must not look like 50ms
	}
	if c.Metric == "rate" {
		return r.Rate, humanize.Commaf(roundTo(r.Rate, 10)) + " events/s"
	}
	n := map[string]int64{
		"sent": r.Sent, "success": r.Stored, "ignored": r.Duplicate,
		"invalid": r.Refused(), "failed": r.Failed, "retried": r.Retried,
	}[c.Metric]
	return float64(n), humanize.Comma(n)
}
