package ingest

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestDrainTime has what a client is told to wait, a sentence a row.
func TestDrainTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		events  int
		took    time.Duration
		backlog int
		writers int
		want    time.Duration
	}{
		{"with nothing measured it is a second", 0, 0, 50_000, 2, time.Second},
		{"a small backlog is a second too", 1000, time.Second, 10, 1, time.Second},
		{"5,000 events at 1,000/s take five seconds", 1000, time.Second, 5000, 1, 5 * time.Second},
		{"two writers halve that", 1000, time.Second, 5000, 2, 2500 * time.Millisecond},
		{"nobody is told more than a minute", 1, time.Second, 1_000_000, 1, time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var m meter
			if test.events > 0 {
				m.observe(test.events, test.took)
			}
			if got := m.drainTime(test.backlog, test.writers); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestMeterFollows proves that the meter forgets: after enough appends at a new
// speed it tells that speed, whatever it had measured before.
func TestMeterFollows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var m meter
		for range rapid.IntRange(0, 50).Draw(t, "appends before") {
			m.observe(rapid.IntRange(1, 1000).Draw(t, "events"), time.Duration(rapid.IntRange(1, 1e9).Draw(t, "ns")))
		}
		for range 500 {
			m.observe(1000, 100*time.Millisecond)
		}
		want := 20 * time.Second // 200,000 at 10,000/s
		if got := m.drainTime(200_000, 1); got < want*95/100 || got > want*105/100 {
			t.Fatalf("200,000 events at 10,000/s are told to take %s", got)
		}
	})
}
