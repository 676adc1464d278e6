package queuetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// checkFull fails unless an error says that the queue is full and how long that
// may last.
func checkFull(t *testing.T, err error) {
	t.Helper()
	var retry *store.RetryError
	if !errors.Is(err, store.ErrOverloaded) || !errors.As(err, &retry) {
		t.Fatalf("a full queue answers %v, want ErrOverloaded in a RetryError", err)
	}
	if retry.After < time.Second || retry.After > time.Minute {
		t.Errorf("retry after %v, want 1 to 60 seconds", retry.After)
	}
	if errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a full queue is not one that is away: %v", err)
	}
}

func boundInEvents(t *testing.T, open Open) {
	const most = 12 // a number that many streams can share
	q := open(t, Options{MaxEvents: most}).Queue
	events := newEvents("a", 2*most)
	if taken := fill(t, q, events); taken != most {
		t.Fatalf("%d events were taken, want %d", taken, most)
	}
	checkSize(t, q, most, 0)
	c := q.Consumer("one")
	held := mustReceive(t, c, soon)
	if taken := fill(t, q, events); taken != 0 {
		t.Errorf("%d events were taken in the place of what is under way", taken)
	}
	mustDone(t, c, held...)
	if room, taken := len(eventsOf(held)), fill(t, q, events); taken != room {
		t.Errorf("%d events were taken, want %d", taken, room)
	}
	checkSize(t, q, most, 0)
}

func boundInBytes(t *testing.T, open Open) {
	const most, each = 600_000, 20_000
	q := open(t, Options{MaxBytes: most}).Queue
	events := newEvents("a", 60)
	for i := range events {
		events[i].Payload = `{"text":"` + strings.Repeat("x", each) + `"}`
	}
	taken := fill(t, q, events)
	if size := mustSize(t, q); size.Bytes > most || size.Bytes < most-6*each || size.Events != int64(taken) {
		t.Errorf("%d events were taken and the size is %+v for a bound of %d bytes", taken, size, most)
	}
	if got := drain(t, q.Consumer("one")); len(got) != taken {
		t.Errorf("%d events come out of %d", len(got), taken)
	}
	checkSize(t, q, 0, 0)
	if again := fill(t, q, events); again != taken {
		t.Errorf("an empty queue takes %d, it was %d before", again, taken)
	}
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
			t.Errorf("a refused append changed the size from %+v to %+v", before, after)
		}
	}
	refuse(newEvents("too many", most+1))
	if messages := mustReceive(t, c, atOnce); len(messages) != 0 {
		t.Errorf("of a refused append came %+v", messages)
	}
	kept := newEvents("a", most/12)
	mustAppend(t, q, kept...)
	refuse(newEvents("too many", most))
	checkEvents(t, drain(t, c), kept)
	checkSize(t, q, 0, 0)
}

func pingAnswers(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	for range 3 {
		if err := q.Ping(t.Context()); err != nil {
			t.Errorf("ping: %v", err)
		}
	}
	checkSize(t, q, 0, 0)
}
