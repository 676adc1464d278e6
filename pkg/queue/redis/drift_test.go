package redis

import (
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestCountsComeBackToNothing lets somebody's hand spoil what is counted. With
// the stream empty nothing is queued.
func TestCountsComeBackToNothing(t *testing.T) {
	t.Parallel()
	const entries, size = "{eventagg:0}:events", "{eventagg:0}:size"
	for _, test := range []struct {
		name  string
		spoil []string
	}{
		{"an entry that claims events", []string{"XADD", entries, "*", "d", "0123456789abcdef", "n", "7", "b", "100", "e", "{}"}},
		{"an entry that claims less than nothing", []string{"XADD", entries, "*", "d", "0123456789abcdef", "n", "-9", "b", "-9", "e", "{}"}},
		{"an entry that claims more than there can be", []string{"XADD", entries, "*", "n", "9007199254740991", "b", "9007199254740991"}},
		{"counts that are lost", []string{"DEL", size}},
		{"counts that are too high", []string{"HINCRBY", size, "events", "1000000000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
			q := open(t, Options{URL: server.URL()})
			if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
				t.Fatal(err)
			}
			do(t, server.URL(), test.spoil...)
			c := q.Consumer("one")
			for range 3 {
				messages, err := c.Receive(t.Context(), time.Second)
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
