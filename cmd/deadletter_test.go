package cmd

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
)

// TestListSaysWhatItLeavesOut on standard error, where it disturbs no pipe.
func TestListSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		letters, limit int
		format         string
		shown          int
		says           string
	}{
		"some are left out":         {letters: 250, limit: 100, format: "table", shown: 101, says: "These are the oldest 100 of 250; --limit 250 shows all.\n"},
		"one is, in JSON":           {letters: 101, limit: 100, format: "json", shown: 100, says: "These are the oldest 100 of 101; --limit 101 shows all.\n"},
		"all are shown, on a page":  {letters: 100, limit: 100, format: "table", shown: 101},
		"all are shown, on several": {letters: 250, limit: 1000, format: "json", shown: 250},
		"there are none":            {letters: 0, limit: 100, format: "table", shown: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waiting := queuetest.NewMemory(queuetest.MemoryOptions{})
			fill(t, waiting, test.letters)
			die(t.Context(), t, waiting.Consumer("a"))
			var out, errOut bytes.Buffer
			a := &app{out: &out, errOut: &errOut}
			if err := a.listDeadLetters(t.Context(), waiting, deadletterOptions{limit: test.limit, format: outputFormat(test.format)}); err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(out.String(), "\n"); lines != test.shown || errOut.String() != test.says {
				t.Errorf("%d lines and %q, want %d and %q", lines, errOut.String(), test.shown, test.says)
			}
		})
	}
}

// fill queues so many events.
func fill(t *testing.T, waiting queue.Queue, count int) {
	t.Helper()
	for i := range count {
		e := event.Event{Topic: "t", ID: fmt.Sprint(i), Timestamp: time.Unix(0, 0).UTC(), Source: "s", Payload: "{}"}
		if _, err := waiting.Append(t.Context(), []event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
}

// die makes dead letters of all that is queued.
func die(ctx context.Context, t *testing.T, consumer queue.Consumer) {
	t.Helper()
	for {
		messages, err := consumer.Receive(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			return
		}
		for _, m := range messages {
			if err := consumer.MoveToDeadLetters(ctx, m, "refused"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRetryAllEndsWhereEventsDieAgain has a worker that is faster than retry.
func TestRetryAllEndsWhereEventsDieAgain(t *testing.T) {
	t.Parallel()
	const letters = deadPage + 7
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	waiting := queuetest.NewMemory(queuetest.MemoryOptions{})
	consumer := waiting.Consumer("a")
	fill(t, waiting, letters)
	die(ctx, t, consumer)
	retry := func(q queue.Queue, ctx context.Context, ids []string) (int64, error) {
		moved, err := q.Retry(ctx, ids)
		die(ctx, t, consumer)
		return moved, err
	}
	moved, err := moveDeadLetters(ctx, waiting, deadletterOptions{all: true}, retry)
	if err != nil || moved != letters {
		t.Errorf("put back %d, %v, want each of %d once", moved, err, letters)
	}
}
