package ingest_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/ingest"
)

// memory is a store that remembers keys.
type memory map[event.Key]bool

// Append implements store.Appender. A single writer calls it.
func (m memory) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		outcomes[i] = event.Stored
		if m[e.Key()] {
			outcomes[i] = event.Duplicate
		}
		m[e.Key()] = true
	}
	return outcomes, nil
}

// A hundred concurrent callers share a few appends to the store. Each gets the
// outcome of its own event.
func Example() {
	stored := memory{}
	appender := ingest.New(stored, ingest.Options{Writers: 1, MaxBatch: 50})
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() {
			e := event.Event{Topic: "user_login", ID: fmt.Sprint(i % 60), Source: "web-1", Payload: "{}"}
			if _, err := appender.Append(context.Background(), []event.Event{e}); err != nil {
				fmt.Println(err)
			}
		})
	}
	callers.Wait()
	again, err := appender.Append(context.Background(), []event.Event{{Topic: "user_login", ID: "1"}, {Topic: "user_login", ID: "new"}})
	fmt.Println(again[0], again[1], err)
	fmt.Println(appender.Close(context.Background()), len(stored))
	// Output:
	// duplicate stored <nil>
	// <nil> 61
}
