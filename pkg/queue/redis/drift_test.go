package redis

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
)

// TestSize_IsZeroForAnEmptyStream changes the size and the entries by hand.
func TestSize_IsZeroForAnEmptyStream(t *testing.T) {
	t.Parallel()
	const entries, size = "EVENTS", "SIZE" // stand for the keys
	for _, test := range []struct {
		name    string
		command []string
	}{
		{"an entry with a wrong count", []string{"XADD", entries, "*", "d", "0123456789abcdef", "n", "7", "b", "100", "e", "{}"}},
		{"an entry with a negative count", []string{"XADD", entries, "*", "d", "0123456789abcdef", "n", "-9", "b", "-9", "e", "{}"}},
		{"an entry with a huge count", []string{"XADD", entries, "*", "n", "9007199254740991", "b", "9007199254740991"}},
		{"the size is deleted", []string{"DEL", size}},
		{"the size is too high", []string{"HINCRBY", size, "events", "1000000000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := openShared(t, Options{})
			if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
				t.Fatal(err)
			}
			doWithKeys(t, q, test.command...)
			c := q.Consumer("one")
			for range 3 {
				messages, err := c.Receive(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range messages {
					if m.Broken != nil {
						err = c.MoveToDeadLetters(t.Context(), m, "broken")
					} else {
						err = c.Acknowledge(t.Context(), []queue.Message{m})
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			if got, err := q.Size(t.Context()); err != nil || got.Events != 0 || got.Bytes != 0 {
				t.Errorf("size is %+v, %v, want nothing queued", got, err)
			}
		})
	}
}
