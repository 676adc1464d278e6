package loadgen

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is how long answers took, all attempts of a request together: from
// the planned time at a constant rate, from sending otherwise.
type Latency struct {
	P50, P90, P99, P999, Max time.Duration
}

// MarshalJSON writes milliseconds: {"p50":1.234,"p90":…,"p99":…,"p99.9":…,"max":…}.
func (l Latency) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		P50  float64 `json:"p50"`
		P90  float64 `json:"p90"`
		P99  float64 `json:"p99"`
		P999 float64 `json:"p99.9"`
		Max  float64 `json:"max"`
	}{millis(l.P50), millis(l.P90), millis(l.P99), millis(l.P999), millis(l.Max)})
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// latencies collects how long each answer took. All workers share it: a
// histogram takes 190 KiB, which is 94 MiB for 512 workers of their own, and a
// lock that is held for 50 ns delays nobody.
type latencies struct {
	mu        sync.Mutex
	histogram *hdrhistogram.Histogram // in microseconds
}

// newLatencies holds 1 µs to an hour, to three digits.
func newLatencies() *latencies {
	return &latencies{histogram: hdrhistogram.New(1, time.Hour.Microseconds(), 3)}
}

// record takes one latency. What is beyond an hour counts as an hour.
func (l *latencies) record(took time.Duration) {
	micros := min(max(took.Microseconds(), 1), time.Hour.Microseconds())
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.histogram.RecordValue(micros) // in range, so it can't fail
}

// summary is the latency of all so far.
func (l *latencies) summary() Latency {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.histogram
	if h.TotalCount() == 0 {
		return Latency{}
	}
	at := func(percentile float64) time.Duration {
		// The histogram answers the upper end of a bucket, which can lie above
		// the largest value there was.
		return time.Duration(min(h.ValueAtPercentile(percentile), h.Max())) * time.Microsecond
	}
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: at(100)}
}
