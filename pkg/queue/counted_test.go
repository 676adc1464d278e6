package queue_test

import (
	"context"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestWorkerTellsWhatBecameOfEvents counts good events, one that can't be
// stored, and a delivery that was stored before.
func TestWorkerTellsWhatBecameOfEvents(t *testing.T) {
	onBench(t, func(b *bench) {
		b.store.poison = "bad-0"
		b.enqueue(someEvents("crash", 5)...)
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Millisecond)
		defer cancel()
		queue.NewWorker(deaf{b.queue}, "crashes", b.store, queue.WorkerOptions{}).Run(ctx)
		b.enqueue(someEvents("good", 7)...)
		b.enqueue(someEvents("bad", 3)...)
		var got store.Received
		buried := 0
		end := b.work("a", func(o *queue.WorkerOptions) {
			o.OnReceived = func(r store.Received) {
				got.Stored += r.Stored
				got.Duplicates += r.Duplicates
				got.Redelivered += r.Redelivered
			}
			o.OnDeadLetter = func(events int) { buried += events }
		})
		pass(time.Minute)
		end()
		b.checkSize(0, 1)
		if want := (store.Received{Stored: 9, Redelivered: 5}); got != want || buried != 1 {
			b.t.Errorf("told of %+v and %d dead letters, want %+v and 1", got, buried, want)
		}
	})
}

// TestAFloodOfDeadLettersIsALineASecond, and none of them is left out of the sum.
func TestAFloodOfDeadLettersIsALineASecond(t *testing.T) {
	onBench(t, func(b *bench) {
		const letters = 50
		b.store.poison = "bad-0"
		for range letters {
			b.enqueue(someEvents("bad", 1)...)
		}
		end := b.work("a")
		pass(2 * time.Second)
		b.enqueue(someEvents("bad", 1)...)
		pass(100 * time.Millisecond)
		b.enqueue(someEvents("bad", 1)...)
		pass(100 * time.Millisecond)
		end()
		b.checkSize(0, letters+2)
		sum := 0
		told := regexp.MustCompile(`became dead letters.* events=(\d+) `).FindAllStringSubmatch(b.log.String(), -1)
		for _, line := range told {
			events, err := strconv.Atoi(line[1])
			if err != nil {
				b.t.Fatal(err)
			}
			sum += events
		}
		if len(told) != 3 || sum != letters+2 {
			b.t.Errorf("%d lines tell of %d dead letters, want 3 of %d:\n%s", len(told), sum, letters+2, b.log.String())
		}
	})
}
