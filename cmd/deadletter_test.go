package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
)

func TestDeadletter_ParsesArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, row := range map[string]struct {
		args []string
		want deadletterOptions
		err  string
	}{
		"list":             {[]string{"list", "-n", "5", "-o", "json"}, deadletterOptions{action: "list", limit: 5, format: "json", ids: []string{}}, ""},
		"retry by ID":      {[]string{"retry", "1-1-0"}, deadletterOptions{action: "retry", format: "table", ids: []string{"1-1-0"}}, ""},
		"drop all":         {[]string{"drop", "--all"}, deadletterOptions{action: "drop", format: "table", ids: []string{}, all: true}, ""},
		"no limit":         {[]string{"list", "-n", "0"}, deadletterOptions{}, "invalid --limit 0"},
		"no ID":            {[]string{"drop"}, deadletterOptions{}, "expected the IDs of dead letters, or --all"},
		"both":             {[]string{"drop", "--all", "1-1-0"}, deadletterOptions{}, "expected the IDs"},
		"another command":  {[]string{"lst"}, deadletterOptions{}, "unknown command"},
		"an argument, too": {[]string{"list", "1-1-0"}, deadletterOptions{}, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(t, (*app).newDeadletterCmd, row.args...)
			if row.err == "" {
				row.want.broker = config.Default().Broker
				if err != nil || !reflect.DeepEqual(got, row.want) {
					t.Errorf("error %v, options\n%+v, want\n%+v", err, got, row.want)
				}
				return
			}
			if _, usage := errors.AsType[*usageError](err); !usage || !strings.Contains(err.Error(), row.err) {
				t.Errorf("error %v, want %q", err, row.err)
			}
		})
	}
}

// The report goes to standard error, because standard output may be a pipe.
func TestDeadletterList_ReportsWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		letters, limit int
		format         string
		shown          int
		report         string
	}{
		"some are left out":        {letters: 250, limit: 100, format: "table", shown: 101, report: "These are the oldest 100 of 250; --limit 250 shows all.\n"},
		"one is left out, JSON":    {letters: 101, limit: 100, format: "json", shown: 100, report: "These are the oldest 100 of 101; --limit 101 shows all.\n"},
		"all fit on a page":        {letters: 100, limit: 100, format: "table", shown: 101},
		"all fit on several pages": {letters: 250, limit: 1000, format: "json", shown: 250},
		"no dead letters":          {letters: 0, limit: 100, format: "table", shown: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := queuetest.NewMemory(queuetest.MemoryOptions{})
			fill(t, q, test.letters)
			failAll(t.Context(), t, q.Consumer("a"))
			var out, errOut bytes.Buffer
			a := &app{out: &out, errOut: &errOut}
			if err := a.listDeadLetters(t.Context(), q, deadletterOptions{limit: test.limit, format: outputFormat(test.format)}); err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(out.String(), "\n"); lines != test.shown || errOut.String() != test.report {
				t.Errorf("%d lines and %q, want %d and %q", lines, errOut.String(), test.shown, test.report)
			}
		})
	}
}

// fill queues count events.
func fill(t *testing.T, q queue.Queue, count int) {
	t.Helper()
	for i := range count {
		e := event.Event{Topic: "t", ID: fmt.Sprint(i), Timestamp: time.Unix(0, 0).UTC(), Source: "s", Payload: "{}"}
		if _, err := q.Append(t.Context(), []event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
}

// failAll makes all queued events dead letters.
func failAll(ctx context.Context, t *testing.T, consumer queue.Consumer) {
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
			if err := consumer.MoveToDeadLetters(ctx, m, "rejected"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Each retried event fails again at once.
func TestDeadletterRetry_EndsIfEventsFailAgain(t *testing.T) {
	t.Parallel()
	const letters = deadLetterPage + 7
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	q := queuetest.NewMemory(queuetest.MemoryOptions{})
	consumer := q.Consumer("a")
	fill(t, q, letters)
	failAll(ctx, t, consumer)
	retry := func(ctx context.Context, ids []string) (int64, error) {
		moved, err := q.Retry(ctx, ids)
		failAll(ctx, t, consumer)
		return moved, err
	}
	moved, err := moveDeadLetters(ctx, q, deadletterOptions{all: true}, retry)
	if err != nil || moved != letters {
		t.Errorf("moved %d, %v, want each of %d once", moved, err, letters)
	}
}
