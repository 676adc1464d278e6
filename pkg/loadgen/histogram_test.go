package loadgen

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHistogram_DrawsBuckets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		give []time.Duration
		want string
	}{
		"nothing": {nil, ""},
		"one latency has one bucket": {
			[]time.Duration{3 * time.Millisecond},
			"  2 ms to   5 ms             1  100.0 %  ████████████████████████████████████████",
		},
		"empty buckets between others are shown, without a bar": {
			append(slices.Repeat([]time.Duration{150 * time.Microsecond}, 640), 700*time.Microsecond),
			"100 µs to 200 µs           640   99.8 %  ████████████████████████████████████████\n" +
				"200 µs to 500 µs             0    0.0 %\n" +
				"500 µs to   1 ms             1    0.2 %  ▏",
		},
		"a latency at a bound belongs to the bucket above it": {
			[]time.Duration{time.Millisecond, 2 * time.Millisecond, 2 * time.Millisecond},
			"  1 ms to   2 ms             1   33.3 %  ████████████████████\n" +
				"  2 ms to   5 ms             2   66.7 %  ████████████████████████████████████████",
		},
		"more than an hour counts as an hour": {
			[]time.Duration{2 * time.Hour},
			"33m20s to  1h23m             1  100.0 %  ████████████████████████████████████████",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLatencies()
			for _, latency := range test.give {
				l.record(latency)
			}
			if got := strings.Join(histogramLines(l.buckets()), "\n"); got != test.want {
				t.Errorf("\n got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestPercentiles_AreParsedAndMeasured(t *testing.T) {
	t.Parallel()
	percentiles, err := ParsePercentiles("p50, 75,99.99,75,100")
	if err != nil || !slices.Equal(percentiles, []float64{50, 75, 99.99, 100}) {
		t.Errorf("%v, %v", percentiles, err)
	}
	for _, text := range []string{"", "50,", "101", "-1", "NaN", "x", strings.Repeat("1,", 30) + "1,101"} {
		if _, err := ParsePercentiles(text); err == nil || !strings.Contains(err.Error(), "invalid percentile") {
			t.Errorf("%q: error %v", text, err)
		}
	}
	l := newLatencies()
	for i := range 100 {
		l.record(time.Duration(i+1) * time.Millisecond)
	}
	data, err := l.summary(75, 90).MarshalJSON()
	const want = `{"p50":50.015,"p90":90.047,"p99":99.007,"p99.9":100.031,"max":100.031,"p75":75.007}`
	if err != nil || string(data) != want {
		t.Errorf("%s, %v, want %s", data, err, want)
	}
	var rows []string
	for _, row := range (Report{Latency: l.summary(75, 90)}).rows() {
		rows = append(rows, row.name)
	}
	if got := strings.Join(rows[len(rows)-3:], " "); got != "p75 p90 max" || slices.Contains(rows, "p99") {
		t.Errorf("rows %v", rows)
	}
}
