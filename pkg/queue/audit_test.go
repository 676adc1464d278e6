package queue_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store/audit"
)

// auditedQueue is a queue with dead letters.
type auditedQueue struct {
	counter   int64
	letters   []queue.DeadLetter
	watermark time.Time
	working   bool
}

func (q *auditedQueue) Size(context.Context) (queue.Size, error) {
	return queue.Size{DeadLetters: q.counter}, nil
}
func (q *auditedQueue) LowWatermark(context.Context) (time.Time, error) { return q.watermark, nil }
func (q *auditedQueue) Working(context.Context) (bool, error)           { return q.working, nil }

func (q *auditedQueue) DeadLetters(_ context.Context, after string, limit int) ([]queue.DeadLetter, error) {
	from := 1 + slices.IndexFunc(q.letters, func(l queue.DeadLetter) bool { return l.ID == after })
	return q.letters[from:min(from+limit, len(q.letters))], nil
}

// remembered are deliveries in the order of their IDs.
type remembered []audit.Delivery

func (r remembered) Deliveries(_ context.Context, after string, limit int) ([]audit.Delivery, error) {
	from := 1 + slices.IndexFunc(r, func(d audit.Delivery) bool { return d.ID == after })
	return r[from:min(from+limit, len(r))], nil
}

func letters(count int) []queue.DeadLetter {
	all := make([]queue.DeadLetter, count)
	for i := range all {
		all[i].ID = fmt.Sprintf("%04d", i)
	}
	return all
}

func TestAuditChecks(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		queue      auditedQueue
		remembered remembered
		want       map[audit.Kind]int
		notes      int
	}{
		"an empty queue has no differences":                   {},
		"a delivery that may come again is no difference":     {queue: auditedQueue{watermark: now, working: true}, remembered: remembered{{ID: "a", QueuedAt: now.Add(-20 * time.Minute)}}},
		"a delivery that no worker has forgotten is reported": {queue: auditedQueue{watermark: now, working: true}, remembered: remembered{{ID: "a", QueuedAt: now.Add(-2 * time.Hour)}}, want: map[audit.Kind]int{audit.OrphanDelivery: 1}},
		"without a worker nothing forgets it, which is noted": {queue: auditedQueue{watermark: now}, remembered: remembered{{ID: "a", QueuedAt: now.Add(-2 * time.Hour)}}, notes: 1},
		"a delivery is kept as long as the queue is stuck":    {queue: auditedQueue{watermark: now.Add(-3 * time.Hour), working: true}, remembered: remembered{{ID: "a", QueuedAt: now.Add(-2 * time.Hour)}}},
		"a delivery from the future is reported":              {queue: auditedQueue{watermark: now}, remembered: remembered{{ID: "a", QueuedAt: now.Add(2 * time.Hour)}}, want: map[audit.Kind]int{audit.OrphanDelivery: 1}},
		"an unknown watermark reports nothing":                {queue: auditedQueue{working: true}, remembered: remembered{{ID: "a", QueuedAt: now.Add(-2 * time.Hour)}}},
		"dead letters on several pages are no difference":     {queue: auditedQueue{counter: 250, letters: letters(250)}},
		"a wrong counter of dead letters is reported":         {queue: auditedQueue{counter: 251, letters: letters(250)}, want: map[audit.Kind]int{audit.DeadLetterBroken: 1}},
		"a dead letter that can't be read is reported":        {queue: auditedQueue{counter: 1, letters: []queue.DeadLetter{{ID: "1", Text: "{"}}}, want: map[audit.Kind]int{audit.DeadLetterBroken: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := &audit.State{}
			if err := audit.Run(t.Context(), queue.AuditChecks(&c.queue, c.remembered), state, audit.Options{}); err != nil {
				t.Fatal(err)
			}
			got := map[audit.Kind]int{}
			for _, d := range state.Listed {
				got[d.Kind]++
			}
			if c.want == nil {
				c.want = map[audit.Kind]int{}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(state.Notes) != c.notes {
				t.Errorf("differences: %s; notes: %v", diff, state.Notes)
			}
		})
	}
}
