package queuetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

func receivedEqual(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	rapid.Check(t, func(t *rapid.T) {
		var want []event.Event
		for range rapid.IntRange(1, 3).Draw(t, "appends") {
			batch := rapid.SliceOfN(eventtest.Events(), 1, 6).Draw(t, "batch")
			mustAppend(t, q, batch...)
			want = append(want, batch...)
		}
		checkSize(t, q, len(want), 0)
		checkEvents(t, drain(t, c), want)
		checkSize(t, q, 0, 0)
	})
}

// acceptedReceived decodes the seeds of the fuzz tests. Databases refuse some of
// them.
func acceptedReceived(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	var accepted []event.Event
	for _, text := range eventtest.Seeds() {
		if e, err := codec.Decode([]byte(text)); err == nil {
			accepted = append(accepted, e)
		}
	}
	if least := 100; len(accepted) < least {
		t.Fatalf("the decoder accepts %d seeds, want at least %d", len(accepted), least)
	}
	mustAppend(t, q, accepted...)
	checkEvents(t, drain(t, q.Consumer("one")), accepted)
}

func largeEvents(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	events := newEvents("large", 12)
	for i := range events {
		events[i].Payload = `{"text":"` + strings.Repeat(string(rune('a'+i)), 1<<20) + `"}`
	}
	mustAppend(t, q, events...)
	checkEvents(t, drain(t, q.Consumer("one")), events)
	checkSize(t, q, 0, 0)
}

func manyEvents(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	events := newEvents("many", 12_000)
	mustAppend(t, q, events...)
	checkSize(t, q, len(events), 0)
	seen := map[store.DeliveryID]bool{}
	var all []event.Event
	c := q.Consumer("one")
	for {
		messages := mustReceive(t, c, atOnce)
		if len(messages) == 0 {
			break
		}
		for _, m := range messages {
			if seen[m.ID] {
				t.Errorf("two messages have the delivery ID %x", m.ID)
			}
			seen[m.ID] = true
		}
		all = append(all, eventsOf(messages)...)
		mustAcknowledge(t, c, messages...)
	}
	checkEvents(t, all, events)
	checkSize(t, q, 0, 0)
}

func emptyAppend(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	mustAppend(t, q)
	checkSize(t, q, 0, 0)
	if messages := mustReceive(t, q.Consumer("one"), atOnce); len(messages) != 0 {
		t.Errorf("received %+v", messages)
	}
}

func emptyQueue(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	checkSize(t, q, 0, 0)
	const wait = 300 * time.Millisecond
	started := time.Now()
	if messages := mustReceive(t, q.Consumer("one"), wait); len(messages) != 0 {
		t.Errorf("received %+v", messages)
	}
	if took := time.Since(started); took < wait*9/10 {
		t.Errorf("waited %v, want %v", took, wait)
	}
	if letters := mustLetters(t, q, 10); len(letters) != 0 {
		t.Errorf("dead letters %+v", letters)
	}
}

func waits(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	c := q.Consumer("one")
	want := newEvents("late", 3)
	mustReceive(t, c, atOnce)
	var group errgroup.Group
	group.Go(func() error {
		messages, err := c.Receive(context.Background(), suitetest.Timeout)
		if err != nil || len(eventsOf(messages)) != len(want) {
			return fmt.Errorf("received %+v, %w", messages, err)
		}
		return nil
	})
	mustAppend(t, q, want...)
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func severalConsumers(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	want := newEvents("shared", 300)
	for chunk := range slices.Chunk(want, 3) {
		mustAppend(t, q, chunk...)
	}
	var mu sync.Mutex
	var got []event.Event
	var group errgroup.Group
	for name := range 4 {
		c := q.Consumer(fmt.Sprint("consumer ", name))
		group.Go(func() error {
			for {
				messages, err := c.Receive(context.Background(), atOnce)
				if err != nil || len(messages) == 0 {
					return err
				}
				mu.Lock()
				got = append(got, eventsOf(messages)...)
				mu.Unlock()
				if err := c.Acknowledge(context.Background(), messages); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	checkEvents(t, got, want)
	checkSize(t, q, 0, 0)
}
