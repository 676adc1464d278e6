package queuetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
)

// soon is the wait of a Receive that should return messages, atOnce of one that
// should not wait.
const (
	soon   = 10 * time.Second
	atOnce = 0
)

// newEvents makes events of one topic with different IDs.
func newEvents(topic string, count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		id := fmt.Sprintf("%06d", i)
		events[i] = event.Event{
			Topic: topic, ID: id, Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 123456000, time.UTC),
			Source: "queuetest", Payload: `{"id":"` + id + `"}`,
		}
	}
	return events
}

func mustAppend(t rapid.TB, q queue.Queue, events ...event.Event) {
	t.Helper()
	outcomes, err := q.Append(context.Background(), events)
	if err != nil {
		t.Fatalf("append of %d events: %v", len(events), err)
	}
	if !slices.Equal(outcomes, slices.Repeat([]event.Outcome{event.Queued}, len(events))) {
		t.Fatalf("append of %d events returned %v", len(events), outcomes)
	}
}

func mustReceive(t rapid.TB, c queue.Consumer, wait time.Duration) []queue.Message {
	t.Helper()
	messages, err := c.Receive(context.Background(), wait)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	checkMessages(t, messages)
	return messages
}

func mustClaim(t rapid.TB, c queue.Consumer, idle time.Duration) []queue.Message {
	t.Helper()
	messages, err := c.Claim(context.Background(), idle)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	checkMessages(t, messages)
	return messages
}

// checkMessages fails on an incomplete message.
func checkMessages(t rapid.TB, messages []queue.Message) {
	t.Helper()
	for _, m := range messages {
		if m.Broken != nil || m.Ref == "" || m.Deliveries < 1 || m.QueuedAt.IsZero() || len(m.Events) == 0 || m.ID == (queue.Message{}).ID {
			t.Fatalf("message %+v", m)
		}
	}
}

func mustAcknowledge(t rapid.TB, c queue.Consumer, messages ...queue.Message) {
	t.Helper()
	if err := c.Acknowledge(context.Background(), messages); err != nil {
		t.Fatalf("acknowledge: %v", err)
	}
}

func mustSize(t rapid.TB, q queue.Queue) queue.Size {
	t.Helper()
	size, err := q.Size(context.Background())
	if err != nil {
		t.Fatalf("size: %v", err)
	}
	return size
}

func mustLetters(t rapid.TB, q queue.Queue, page int) []queue.DeadLetter {
	t.Helper()
	var all []queue.DeadLetter
	for after := ""; ; {
		letters, err := q.DeadLetters(context.Background(), after, page)
		if err != nil {
			t.Fatalf("dead letters: %v", err)
		}
		if len(letters) > page {
			t.Fatalf("%d dead letters for a limit of %d", len(letters), page)
		}
		if len(letters) == 0 {
			return all
		}
		all, after = append(all, letters...), letters[len(letters)-1].ID
	}
}

// drain receives and acknowledges until the queue has no more messages. It returns
// all events, sorted.
func drain(t rapid.TB, c queue.Consumer) []event.Event {
	t.Helper()
	var all []event.Event
	for {
		messages := mustReceive(t, c, atOnce)
		if len(messages) == 0 {
			sortEvents(all)
			return all
		}
		all = append(all, eventsOf(messages)...)
		mustAcknowledge(t, c, messages...)
	}
}

func eventsOf(messages []queue.Message) []event.Event {
	var events []event.Event
	for _, m := range messages {
		events = append(events, m.Events...)
	}
	return events
}

func sortEvents(events []event.Event) {
	slices.SortFunc(events, func(a, b event.Event) int {
		return cmp.Or(a.Key().Compare(b.Key()), a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Payload, b.Payload))
	})
}

// checkEvents compares events in any order.
func checkEvents(t rapid.TB, got, want []event.Event) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	sortEvents(got)
	sortEvents(want)
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%d events, want %d", len(got), len(want))
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("event %d is %.300q, want %.300q", i, got[i], want[i])
			return
		}
	}
}

// checkSize compares the size. Bytes must be above zero if events are.
func checkSize(t rapid.TB, q queue.Queue, events, dead int) {
	t.Helper()
	size := mustSize(t, q)
	if size.Events != int64(events) || size.DeadLetters != int64(dead) || (size.Bytes > 0) != (events > 0) || size.Bytes < 0 {
		t.Errorf("size is %+v, want %d events and %d dead letters", size, events, dead)
	}
}
