package redis

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
	"github.com/eventagg/eventagg/pkg/queue"
)

func TestPackKeepsTheEventsAndTheBounds(t *testing.T) {
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
		decoder := event.NewDecoder()
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

func TestDrainMeasuresTheRate(t *testing.T) {
	t.Parallel()
	type sample struct {
		after time.Duration
		done  int64
	}
	for _, test := range []struct {
		name    string
		samples []sample
		backlog int64
		want    time.Duration
	}{
		{"nothing is known", nil, 1000, unknownDrain},
		{"one sample tells nothing", []sample{{0, 100}}, 1000, unknownDrain},
		{"samples in one second tell nothing", []sample{{0, 100}, {time.Second / 2, 900}}, 1000, unknownDrain},
		{"a hundred a second", []sample{{0, 0}, {time.Second, 100}}, 1000, 10 * time.Second},
		{"faster than a second", []sample{{0, 0}, {time.Second, 1000}}, 10, time.Second},
		{"slower than a minute", []sample{{0, 0}, {time.Second, 1}}, 1000, time.Minute},
		{"nothing moves", []sample{{0, 5}, {time.Second, 5}}, 1, time.Minute},
		{"a server that began anew", []sample{{0, 0}, {time.Second, 100}, {time.Second, 3}}, 1000, unknownDrain},
		{"the rate follows", []sample{{0, 0}, {time.Second, 100}, {time.Second, 400}}, 1000, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var d drain
			now := time.Date(2025, 12, 19, 0, 0, 0, 0, time.UTC)
			for _, s := range test.samples {
				now = now.Add(s.after)
				d.observe(now, s.done)
			}
			if got := d.wait(test.backlog); got != test.want {
				t.Errorf("wait is %v, want %v", got, test.want)
			}
		})
	}
}

func TestNamesThatAreNone(t *testing.T) {
	t.Parallel()
	q := open(t, Options{URL: "redis://127.0.0.1:1"})
	for _, text := range []string{"", "1", "0/1-1/1", "x/1-1/1/1", "-1/1-1/1/1", "1/1-1/1/1", "0/1-1/x/1", "0/1-1/1/x", "0/1-1/1/1/1"} {
		if err := q.Consumer("one").Acknowledge(t.Context(), []queue.Message{{Ref: text}}); !errors.Is(err, errRef) {
			t.Errorf("done with %q: %v", text, err)
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
		t.Errorf("retry of a stream that is not there: %v", err)
	}
}

func TestACallKnowsWhetherItWasWritten(t *testing.T) {
	t.Parallel()
	c := &call{Cmd: goredis.NewCmd(t.Context(), "evalsha")}
	if !c.NoRetry() || c.sent.Load() {
		t.Error("a new call may be retried or was sent")
	}
	_ = c.Args()
	if !c.sent.Load() {
		t.Error("a call that was written was not sent")
	}
}
