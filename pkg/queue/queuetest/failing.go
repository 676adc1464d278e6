package queuetest

import (
	"slices"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
)

// receiveOne appends events and receives them as one message.
func receiveOne(t *testing.T, q queue.Queue, c queue.Consumer, events ...event.Event) queue.Message {
	t.Helper()
	mustAppend(t, q, events...)
	messages := mustReceive(t, c, soon)
	if len(messages) != 1 || len(messages[0].Events) != len(events) {
		t.Fatalf("received %+v, want one message of %d events", messages, len(events))
	}
	return messages[0]
}

func split(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	want := newEvents("a", 5)
	whole := receiveOne(t, q, c, want...)
	before := mustSize(t, q).Bytes
	if err := c.Split(t.Context(), whole); err != nil {
		t.Fatalf("split: %v", err)
	}
	checkSize(t, q, len(want), 0)
	if after := mustSize(t, q).Bytes; after < before/2 || after > 2*before {
		t.Errorf("%d bytes became %d", before, after)
	}
	seen := map[any]bool{whole.ID: true, whole.Ref: true}
	var parts []queue.Message
	for len(parts) < len(want) {
		messages := mustReceive(t, c, soon)
		if len(messages) == 0 {
			t.Fatalf("received only %d parts", len(parts))
		}
		for _, m := range messages {
			if len(m.Events) != 1 || m.Deliveries != 1 || seen[m.ID] || seen[m.Ref] {
				t.Errorf("part %+v of %+v", m, whole)
			}
			seen[m.ID], seen[m.Ref] = true, true
		}
		parts = append(parts, messages...)
		mustAcknowledge(t, c, messages...)
	}
	checkEvents(t, eventsOf(parts), want)
	checkSize(t, q, 0, 0)
	one := receiveOne(t, q, c, want[0])
	if err := c.Split(t.Context(), one); err != nil {
		t.Fatalf("split a message of one event: %v", err)
	}
	mustAcknowledge(t, c, one) // nothing to split, so it is the same message
	checkSize(t, q, 0, 0)
}

func finishedMessages(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	m := receiveOne(t, q, c, newEvents("a", 3)...)
	mustAcknowledge(t, c, m)
	if err := c.Split(t.Context(), m); err != nil {
		t.Errorf("split a finished message: %v", err)
	}
	if err := c.MoveToDeadLetters(t.Context(), m, "reason"); err != nil {
		t.Errorf("move a finished message: %v", err)
	}
	checkSize(t, q, 0, 0)
	if messages := mustReceive(t, c, atOnce); len(messages) != 0 {
		t.Errorf("received %+v", messages)
	}
}

func movedToDeadLetters(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	want := newEvents("a", 3)
	m := receiveOne(t, q, c, want...)
	m.Deliveries = 6
	const reason = "it \"can't\"\nbe stored\x00 \xff"
	for range 2 {
		if err := c.MoveToDeadLetters(t.Context(), m, reason); err != nil {
			t.Fatalf("move to the dead letters: %v", err)
		}
		checkSize(t, q, 0, len(want))
	}
	letters := mustLetters(t, q, 100)
	var events []event.Event
	for _, letter := range letters {
		if letter.Reason != reason || letter.Deliveries != 6 || letter.Text != "" || letter.ID == "" ||
			!letter.QueuedAt.Equal(m.QueuedAt) || letter.FailedAt.Before(letter.QueuedAt) {
			t.Errorf("dead letter %+v of %+v", letter, m)
		}
		events = append(events, letter.Event)
	}
	checkEvents(t, events, want)
	if messages := mustReceive(t, c, atOnce); len(messages) != 0 {
		t.Errorf("a dead letter is received again: %+v", messages)
	}
	if messages := mustClaim(t, q.Consumer("two"), 0); len(messages) != 0 {
		t.Errorf("a dead letter is claimed: %+v", messages)
	}
}

// moveToDeadLetters makes dead letters of events, one message for each.
func moveToDeadLetters(t *testing.T, q queue.Queue, c queue.Consumer, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		if err := c.MoveToDeadLetters(t.Context(), receiveOne(t, q, c, e), "reason of "+e.ID); err != nil {
			t.Fatalf("move to the dead letters: %v", err)
		}
	}
}

func paging(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	want := newEvents("a", 7)
	moveToDeadLetters(t, q, c, want...)
	for _, page := range []int{1, 2, 3, 7, 100} {
		letters := mustLetters(t, q, page)
		if len(letters) != len(want) {
			t.Fatalf("%d dead letters in pages of %d, want %d", len(letters), page, len(want))
		}
		if !slices.IsSortedFunc(letters, func(a, b queue.DeadLetter) int { return a.FailedAt.Compare(b.FailedAt) }) {
			t.Errorf("pages of %d are out of order: %+v", page, letters)
		}
		var events []event.Event
		for _, letter := range letters {
			if letter.Reason != "reason of "+letter.Event.ID {
				t.Errorf("dead letter %+v", letter)
			}
			events = append(events, letter.Event)
		}
		checkEvents(t, events, want)
	}
}

func retryAndDrop(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	want := newEvents("a", 4)
	first := receiveOne(t, q, c, want[0])
	if err := c.MoveToDeadLetters(t.Context(), first, "reason"); err != nil {
		t.Fatalf("move to the dead letters: %v", err)
	}
	moveToDeadLetters(t, q, c, want[1:]...)
	byID, ids := map[string]string{}, []string{}
	for _, letter := range mustLetters(t, q, 10) {
		byID[letter.Event.ID] = letter.ID
		ids = append(ids, letter.ID)
	}
	for i, wantCount := range []int64{2, 0} { // the second time none exists
		count, err := q.Retry(t.Context(), []string{byID[want[0].ID], byID[want[1].ID]})
		if err != nil || count != wantCount {
			t.Fatalf("retry %d returned %d, %v, want %d", i, count, err, wantCount)
		}
		checkSize(t, q, 2, 2)
	}
	for i, wantCount := range []int64{1, 0} {
		count, err := q.Drop(t.Context(), []string{byID[want[2].ID], byID[want[0].ID]})
		if err != nil || count != wantCount {
			t.Fatalf("drop %d returned %d, %v, want %d", i, count, err, wantCount)
		}
		checkSize(t, q, 2, 1)
	}
	var again []queue.Message
	for len(again) < 2 {
		some := mustReceive(t, c, soon)
		if len(some) == 0 {
			t.Fatalf("received only %+v", again)
		}
		again = append(again, some...)
		mustAcknowledge(t, c, some...)
	}
	for _, m := range again {
		if m.Deliveries != 1 || m.ID == first.ID {
			t.Errorf("retried as %+v, was %+v", m, first)
		}
	}
	checkEvents(t, eventsOf(again), want[:2])
	if count, err := q.Drop(t.Context(), ids); err != nil || count != 1 {
		t.Errorf("drop all returned %d, %v, want 1", count, err)
	}
	for name, call := range map[string]func() (int64, error){
		"retry": func() (int64, error) { return q.Retry(t.Context(), nil) },
		"drop":  func() (int64, error) { return q.Drop(t.Context(), nil) },
	} {
		if count, err := call(); err != nil || count != 0 {
			t.Errorf("%s of nothing returned %d, %v", name, count, err)
		}
	}
	checkSize(t, q, 0, 0)
}

func deadLettersCount(t *testing.T, open Open) {
	q := open(t, Options{MaxEvents: 12}).Queue
	c := q.Consumer("one")
	moveToDeadLetters(t, q, c, newEvents("dead", 6)...)
	queued := fill(t, q, newEvents("a", 12))
	if queued != 6 {
		t.Errorf("with 6 dead letters %d events were queued, want 6", queued)
	}
	letters := mustLetters(t, q, 10)
	ids := make([]string, len(letters))
	for i, letter := range letters {
		ids[i] = letter.ID
	}
	if count, err := q.Drop(t.Context(), ids); err != nil || count != 6 {
		t.Fatalf("drop returned %d, %v", count, err)
	}
	if queued := fill(t, q, newEvents("b", 12)); queued != 6 {
		t.Errorf("after the drop %d events were queued, want 6", queued)
	}
	checkSize(t, q, 12, 0)
}

// fill appends events one by one until the queue is full. It returns how many were
// queued.
func fill(t *testing.T, q queue.Queue, events []event.Event) int {
	t.Helper()
	for i, e := range events {
		if _, err := q.Append(t.Context(), []event.Event{e}); err != nil {
			checkFull(t, err)
			return i
		}
	}
	return len(events)
}
