package queuetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// checkFull fails unless an error says that the queue is full and when to retry.
func checkFull(t *testing.T, err error) {
	t.Helper()
	var retry *store.RetryError
	if !errors.Is(err, store.ErrOverloaded) || !errors.As(err, &retry) {
		t.Fatalf("a full queue returns %v, want ErrOverloaded in a RetryError", err)
	}
	if retry.After < time.Second || retry.After > time.Minute {
		t.Errorf("retry after %v, want 1 to 60 seconds", retry.After)
	}
	if errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a full queue is reported as unavailable: %v", err)
	}
}

func maxEvents(t *testing.T, open Open) {
	const most = 12 // several streams can divide it
	q := open(t, Options{MaxEvents: most}).Queue
	events := newEvents("a", 2*most)
	if queued := fill(t, q, events); queued != most {
		t.Fatalf("%d events were queued, want %d", queued, most)
	}
	checkSize(t, q, most, 0)
	c := q.Consumer("one")
	held := mustReceive(t, c, soon)
	if queued := fill(t, q, events); queued != 0 {
		t.Errorf("%d events were queued, though unacknowledged ones count", queued)
	}
	mustAcknowledge(t, c, held...)
	if room, queued := len(eventsOf(held)), fill(t, q, events); queued != room {
		t.Errorf("%d events were queued, want %d", queued, room)
	}
	checkSize(t, q, most, 0)
}

func maxBytes(t *testing.T, open Open) {
	const most, each = 600_000, 20_000
	q := open(t, Options{MaxBytes: most}).Queue
	events := newEvents("a", 60)
	for i := range events {
		events[i].Payload = `{"text":"` + strings.Repeat("x", each) + `"}`
	}
	queued := fill(t, q, events)
	if size := mustSize(t, q); size.Bytes > most || size.Bytes < most-6*each || size.Events != int64(queued) {
		t.Errorf("%d events were queued and the size is %+v for a maximum of %d bytes", queued, size, most)
	}
	if got := drain(t, q.Consumer("one")); len(got) != queued {
		t.Errorf("received %d events of %d", len(got), queued)
	}
	checkSize(t, q, 0, 0)
	if again := fill(t, q, events); again != queued {
		t.Errorf("the emptied queue took %d events, before %d", again, queued)
	}
}

// purged fills the queue while a consumer holds a message, and purges it.
func purged(t *testing.T, open Open) {
	const most = 24
	q := open(t, Options{MaxEvents: most}).Queue
	c := q.Consumer("one")
	if got, err := q.Purge(t.Context()); got != 0 || err != nil {
		t.Errorf("purging an empty queue returns %d, %v", got, err)
	}
	dead := receiveOne(t, q, c, newEvents("dead", 1)...)
	if err := c.MoveToDeadLetters(t.Context(), dead, "reason"); err != nil {
		t.Fatal(err)
	}
	held := receiveOne(t, q, c, newEvents("held", 2)...)
	waiting := fill(t, q, newEvents("waiting", most))
	if got, err := q.Purge(t.Context()); got != int64(waiting+2) || err != nil {
		t.Errorf("purged %d events, %v, want %d", got, err, waiting+2)
	}
	checkSize(t, q, 0, 1)
	if messages := mustClaim(t, q.Consumer("two"), atOnce); len(messages) != 0 {
		t.Errorf("claimed %+v from a purged queue", messages)
	}
	mustAcknowledge(t, c, held)
	checkSize(t, q, 0, 1)
	if again := fill(t, q, newEvents("again", most)); again < waiting {
		t.Errorf("the purged queue took %d events, before %d", again, waiting)
	} else if got := drain(t, c); len(got) != again {
		t.Errorf("received %d events of %d", len(got), again)
	}
	checkSize(t, q, 0, 1)
}

func allOrNothing(t *testing.T, open Open) {
	const most = 1200
	q := open(t, Options{MaxEvents: most}).Queue
	c := q.Consumer("one")
	refuse := func(events []event.Event) {
		t.Helper()
		before := mustSize(t, q)
		_, err := q.Append(t.Context(), events)
		checkFull(t, err)
		if after := mustSize(t, q); after != before {
			t.Errorf("a rejected append changed the size from %+v to %+v", before, after)
		}
	}
	refuse(newEvents("too many", most+1))
	if messages := mustReceive(t, c, atOnce); len(messages) != 0 {
		t.Errorf("received %+v of a rejected append", messages)
	}
	kept := newEvents("a", most/12)
	mustAppend(t, q, kept...)
	refuse(newEvents("too many", most))
	checkEvents(t, drain(t, c), kept)
	checkSize(t, q, 0, 0)
}

func pingSucceeds(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	for range 3 {
		if err := q.Ping(t.Context()); err != nil {
			t.Errorf("ping: %v", err)
		}
	}
	checkSize(t, q, 0, 0)
}
