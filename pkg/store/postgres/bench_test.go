package postgres

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// benchEvents fills a batch with new events, not sorted by key, and returns the
// number of events so far.
func benchEvents(batch []event.Event, before int) int {
	for i := range batch {
		before++
		batch[i] = event.Event{
			Topic: fmt.Sprintf("topic %d", i%5), ID: fmt.Sprintf("%016x", uint64(before)*0x9e3779b97f4a7c15),
			Timestamp: time.Unix(1766145600, 0).UTC(), Source: "web-1",
			Payload: `{"user":12345,"name":"someone","nested":{"a":[1,2,3],"b":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}`,
		}
	}
	return before
}

// BenchmarkBatch compares Append and Receive of the same events. The difference is
// the cost of remembering deliveries.
func BenchmarkBatch(b *testing.B) {
	const deliveries, each = 8, 250
	b.Run("append", func(b *testing.B) {
		s := open(b, Options{})
		batch, events := make([]event.Event, deliveries*each), 0
		for b.Loop() {
			events = benchEvents(batch, events)
			if _, err := s.Append(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("receive", func(b *testing.B) {
		s := open(b, Options{})
		batch, events, ids := make([]store.Delivery, deliveries), 0, uint64(0)
		for i := range batch {
			batch[i].Events = make([]event.Event, each)
		}
		for b.Loop() {
			for i := range batch {
				ids++
				binary.BigEndian.PutUint64(batch[i].ID[:], ids*0x9e3779b97f4a7c15)
				batch[i].QueuedAt = time.Unix(1766145600, 0)
				events = benchEvents(batch[i].Events, events)
			}
			if _, err := s.Receive(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	})
}
