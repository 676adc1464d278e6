package metrics_test

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/metrics"
)

func TestRecordKeyEvents_CountsEachOutcomeByKey(t *testing.T) {
	t.Parallel()
	m := metrics.New(metrics.Options{})
	m.RecordKeyEvents("a", event.Tally{Stored: 1, Duplicate: 2, Queued: 3, Invalid: 4, Rejected: 5})
	m.RecordKeyEvents("a", event.Tally{Stored: 1})
	m.RecordKeyEvents("b", event.Tally{Duplicate: 7})
	families := scrape(t, m)
	for _, row := range []struct {
		key, outcome string
		want         float64
	}{
		{"a", "stored", 2}, {"a", "duplicate", 2}, {"a", "queued", 3}, {"a", "invalid", 4}, {"a", "rejected", 5}, {"b", "duplicate", 7},
	} {
		expect(t, families, row.want, "eventagg_key_events_total", "key", row.key, "outcome", row.outcome)
	}
}

func BenchmarkRecordKeyEvents(b *testing.B) {
	m := metrics.New(metrics.Options{})
	b.ReportAllocs()
	for b.Loop() {
		m.RecordKeyEvents("shop-prod", event.Tally{Stored: 1})
	}
}
