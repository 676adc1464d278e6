package sqlite

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// BenchmarkAppend has random IDs, like UUIDs of version 4, which are the worst case
// for an index, and IDs in the order of time, like UUIDs of version 7.
func BenchmarkAppend(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, order := range []struct {
		name string
		id   func(n int) string
	}{
		{"random IDs", func(int) string { return fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64()) }},
		{"ordered IDs", func(n int) string { return fmt.Sprintf("%016x%016x", n, random.Uint64()) }},
	} {
		for _, size := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d events", order.name, size), func(b *testing.B) {
				s := openNew(b, Options{})
				batch := make([]event.Event, size)
				events := 0
				for b.Loop() {
					for i := range batch {
						events++
						batch[i] = event.Event{
							Topic: fmt.Sprintf("topic %d", i%5), ID: order.id(events), Timestamp: time.Unix(1766145600, 0).UTC(), Source: "web-1",
							Payload: `{"user":12345,"name":"someone","nested":{"a":[1,2,3],"b":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}`,
						}
					}
					if _, err := s.Append(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}
