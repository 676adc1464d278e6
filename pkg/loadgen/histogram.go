package loadgen

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Bucket is a part of the histogram of latencies. Its bounds are 1, 2 or 5 times a
// power of ten.
type Bucket struct {
	// From and To are the bounds. A latency equal to To is in the next bucket.
	From, To time.Duration
	// Requests is the number of requests in the bucket.
	Requests int64
}

// MarshalJSON encodes milliseconds: {"from_ms":0.5,"to_ms":1,"requests":123}.
func (b Bucket) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		From     float64 `json:"from_ms"`
		To       float64 `json:"to_ms"`
		Requests int64   `json:"requests"`
	}{millis(b.From), millis(b.To), b.Requests})
}

// buckets returns the histogram, from the first to the last bucket that is not empty.
func (l *latencies) buckets() []Bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Bucket
	for _, bar := range l.histogram.Distribution() {
		if bar.Count == 0 {
			continue
		}
		at := time.Duration(bar.From) * time.Microsecond
		for len(all) == 0 || at >= all[len(all)-1].To {
			all = append(all, bucketAfter(all, at))
		}
		all[len(all)-1].Requests += bar.Count
	}
	return all
}

// bucketAfter returns the bucket after the last one, or the one that contains a latency
// if there is none.
func bucketAfter(all []Bucket, at time.Duration) Bucket {
	var from, to time.Duration
	for to = time.Microsecond; ; {
		if len(all) > 0 && from == all[len(all)-1].To || len(all) == 0 && from <= at && at < to {
			return Bucket{From: from, To: to}
		}
		from = to
		if to = 2 * from; isTwo(from) {
			to = from / 2 * 5
		}
	}
}

// isTwo reports whether a duration is 2 times a power of ten.
func isTwo(d time.Duration) bool {
	for d%10 == 0 && d > 0 {
		d /= 10
	}
	return d == 2
}

// barColumns is the width of the longest bar.
const barColumns = 40

// histogramLines draws the histogram: a line for each bucket, with its share and a bar.
func histogramLines(buckets []Bucket) []string {
	var all, highest int64
	for _, b := range buckets {
		all += b.Requests
		highest = max(highest, b.Requests)
	}
	lines := make([]string, len(buckets))
	for i, b := range buckets {
		line := fmt.Sprintf("%s to %s  %s  %5.1f %%  %s", pad(bound(b.From), 6), pad(bound(b.To), 6),
			pad(humanize.Comma(b.Requests), rowWidth), 100*float64(b.Requests)/float64(all), bar(b.Requests, highest))
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}

// bound formats a bound without digits that are always 0: "10 ms", not "10.0 ms".
func bound(d time.Duration) string {
	return strings.NewReplacer(".00 ", " ", ".0 ", " ").Replace(FormatDuration(d))
}

// bar draws a number as a bar, in eighths of a column. Only 0 has no bar.
func bar(n, highest int64) string {
	const eighths = 8
	if n == 0 {
		return ""
	}
	length := max(1, int(math.Round(float64(n)/float64(highest)*barColumns*eighths)))
	text := strings.Repeat("█", length/eighths)
	if rest := length % eighths; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}
