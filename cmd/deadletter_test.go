package cmd

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/broker"
	"github.com/eventagg/eventagg/pkg/broker/brokertest"
	"github.com/eventagg/eventagg/pkg/event"
)

// TestRetryAllEndsWhereEventsDieAgain has a worker that is faster than retry.
func TestRetryAllEndsWhereEventsDieAgain(t *testing.T) {
	t.Parallel()
	const letters = deadPage + 7
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	queue := brokertest.NewMemory(brokertest.MemoryOptions{})
	consumer := queue.Consumer("a")
	die := func() {
		for {
			messages, err := consumer.Receive(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(messages) == 0 {
				return
			}
			for _, m := range messages {
				if err := consumer.Bury(ctx, m, "refused"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for i := range letters {
		e := event.Event{Topic: "t", ID: fmt.Sprint(i), Timestamp: time.Unix(0, 0).UTC(), Source: "s", Payload: "{}"}
		if _, err := queue.Append(ctx, []event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	die()
	retry := func(q broker.Queue, ctx context.Context, ids []string) (int64, error) {
		moved, err := q.Retry(ctx, ids)
		die()
		return moved, err
	}
	moved, err := moveDeadLetters(ctx, queue, deadletterOptions{all: true}, retry)
	if err != nil || moved != letters {
		t.Errorf("put back %d, %v, want each of %d once", moved, err, letters)
	}
}
