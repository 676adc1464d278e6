package redis

import (
	"errors"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
	"github.com/eventagg/eventagg/pkg/queue"
)

func TestPack_KeepsEventsAndMaximum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(eventtest.Events(), 0, 8).Draw(t, "events")
		if len(events) > 0 {
			events = slices.Repeat(events, rapid.IntRange(1, 200).Draw(t, "times"))
		}
		if rapid.Bool().Draw(t, "large") && len(events) > 0 {
			events[len(events)/2].Payload = `{"text":"` + strings.Repeat("x", rapid.IntRange(entryBytes/2, 2*entryBytes).Draw(t, "bytes")) + `"}`
		}
		var got []event.Event
		decoder := codec.NewDecoder()
		for _, entry := range pack(events) {
			some, err := decode(decoder, entry.lines, entry.events)
			if err != nil || len(some) != entry.events {
				t.Fatalf("an entry of %d events has %d, %v", entry.events, len(some), err)
			}
			if entry.events > entryEvents || len(entry.lines) > entryBytes && entry.events > 1 {
				t.Fatalf("an entry has %d events and %d bytes", entry.events, len(entry.lines))
			}
			got = append(got, some...)
		}
		if !slices.Equal(got, events) {
			t.Fatalf("%d events became %d others", len(events), len(got))
		}
	})
}

func TestQueue_RejectsInvalidIDs(t *testing.T) {
	t.Parallel()
	q := open(t, Options{URL: "redis://127.0.0.1:1"})
	for _, text := range []string{"", "1", "0/1-1/1", "x/1-1/1/1", "-1/1-1/1/1", "1/1-1/1/1", "0/1-1/x/1", "0/1-1/1/x", "0/1-1/1/1/1"} {
		if err := q.Consumer("one").Acknowledge(t.Context(), []queue.Message{{Ref: text}}); !errors.Is(err, errRef) {
			t.Errorf("acknowledge %q: %v", text, err)
		}
	}
	for _, text := range []string{"1", "1-1", "x-1-0", "1-x-0", "1-1-x", "1-1--1", "1-1-0-0"} {
		_, errList := q.DeadLetters(t.Context(), text, 1)
		_, errRetry := q.Retry(t.Context(), []string{text})
		_, errDrop := q.Drop(t.Context(), []string{text})
		for name, err := range map[string]error{"list": errList, "retry": errRetry, "drop": errDrop} {
			if !errors.Is(err, errLetter) {
				t.Errorf("%s %q: %v", name, text, err)
			}
		}
	}
	if _, err := q.Retry(t.Context(), []string{"1-1-7"}); err != nil {
		t.Errorf("retry in a stream that does not exist: %v", err)
	}
}

func TestCall_RecordsWhetherItWasSent(t *testing.T) {
	t.Parallel()
	c := &call{Cmd: goredis.NewCmd(t.Context(), "evalsha")}
	if !c.NoRetry() || c.sent.Load() {
		t.Error("a new call can be retried or is marked as sent")
	}
	_ = c.Args()
	if !c.sent.Load() {
		t.Error("a written call is not marked as sent")
	}
}
