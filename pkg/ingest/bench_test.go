package ingest

import (
	"context"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// instant returns at once and allocates only its result.
type instant struct{}

func (instant) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	return make([]event.Outcome, len(events)), nil
}

// BenchmarkDecodeToOutcome measures the cost of an event from the bytes of its
// request to its outcome, without the store.
func BenchmarkDecodeToOutcome(b *testing.B) {
	a := New(instant{}, Options{})
	b.Cleanup(func() { _ = a.Close(context.Background()) })
	text := []byte(`{"topic":"user_login","event_id":"019b3c5e-7f00-7abc-8def-0123456789ab","timestamp":"2025-12-19T12:00:00Z",` +
		`"source":"web-1","payload":{"user":"u-1042","k":"v"}}`)
	decoder := codec.NewDecoder()
	events := make([]event.Event, 1)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if events[0], err = decoder.Decode(text); err != nil {
			b.Fatal(err)
		}
		if _, err = a.Append(context.WithoutCancel(b.Context()), events); err != nil {
			b.Fatal(err)
		}
	}
}
