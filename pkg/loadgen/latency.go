package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is the time until the response, including retries. It starts at the
// scheduled time with a constant rate, otherwise when the request is sent.
type Latency struct {
	P50, P90, P99, P999, Max time.Duration
	// Others are the percentiles of [Options.Percentiles], in that order. If there are
	// any, texts show them instead of P50 to P999.
	Others []Percentile
}

// Percentile is the latency that a percentage of the requests did not exceed.
type Percentile struct {
	// Percent is at least 0 and at most 100.
	Percent float64
	Latency time.Duration
}

// namedLatency is a percentile or the maximum with its name, such as p99.9.
type namedLatency struct {
	name  string
	value time.Duration
}

func percentileName(percent float64) string {
	return "p" + strconv.FormatFloat(percent, 'f', -1, 64)
}

func (l Latency) fixed() []namedLatency {
	return []namedLatency{{"p50", l.P50}, {"p90", l.P90}, {"p99", l.P99}, {"p99.9", l.P999}}
}

// shown returns the latencies for people.
func (l Latency) shown() []namedLatency {
	rows := l.fixed()
	if len(l.Others) > 0 {
		rows = rows[:0]
	}
	for _, p := range l.Others {
		rows = append(rows, namedLatency{percentileName(p.Percent), p.Latency})
	}
	return append(rows, namedLatency{"max", l.Max})
}

// all returns the latencies for programs, which always have the same first five.
func (l Latency) all() []namedLatency {
	all := append(l.fixed(), namedLatency{"max", l.Max})
	for _, p := range l.Others {
		other := namedLatency{percentileName(p.Percent), p.Latency}
		if !slices.Contains(all, other) {
			all = append(all, other)
		}
	}
	return all
}

// MarshalJSON encodes milliseconds: {"p50":1.234,"p90":…,"p99":…,"p99.9":…,"max":…}.
func (l Latency) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for i, p := range l.all() {
		value, err := json.Marshal(millis(p.value))
		if err != nil {
			return nil, err
		}
		out.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&out, "%q:%s", p.name, value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// maxPercentiles is the maximum number of percentiles that can be requested.
const maxPercentiles = 20

// ParsePercentiles parses percentiles such as 50,90,99.9.
func ParsePercentiles(text string) ([]float64, error) {
	var all []float64
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "p")
		percent, err := strconv.ParseFloat(part, 64)
		if err != nil || !(percent >= 0 && percent <= 100) {
			return nil, fmt.Errorf("%q: invalid percentile (expected numbers from 0 to 100, for example 50,90,99.9)", part)
		}
		if !slices.Contains(all, percent) {
			all = append(all, percent)
		}
	}
	if len(all) > maxPercentiles {
		return nil, errors.New("at most 20 percentiles are possible")
	}
	return all, nil
}

// latencies is a histogram that all workers share. One per worker would take 190
// KiB each, 94 MiB for 512 workers. The lock is held for only 50 ns.
type latencies struct {
	mu        sync.Mutex
	histogram *hdrhistogram.Histogram // in microseconds
}

// newLatencies covers 1 µs to an hour, with three significant digits.
func newLatencies() *latencies {
	return &latencies{histogram: hdrhistogram.New(1, time.Hour.Microseconds(), 3)}
}

// record adds one latency. More than an hour counts as an hour.
func (l *latencies) record(took time.Duration) {
	micros := min(max(took.Microseconds(), 1), time.Hour.Microseconds())
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.histogram.RecordValue(micros) // in range, so it can't fail
}

// summary returns the percentiles so far, with others if there are any.
func (l *latencies) summary(others ...float64) Latency {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.histogram
	at := func(percentile float64) time.Duration {
		if h.TotalCount() == 0 {
			return 0
		}
		// The histogram returns the upper end of a bucket, which can be above
		// the maximum.
		return time.Duration(min(h.ValueAtPercentile(percentile), h.Max())) * time.Microsecond
	}
	summary := Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: at(100)}
	for _, percent := range others {
		summary.Others = append(summary.Others, Percentile{percent, at(percent)})
	}
	return summary
}
