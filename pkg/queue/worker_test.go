package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// unavailable returns the error of a server that can't be reached.
func unavailable() error { return fmt.Errorf("append: %w", store.ErrUnavailable) }

func TestWorker_DrainsTheQueue(t *testing.T) {
	inBubble(t, func(f *fixture) {
		for i := range 20 {
			f.enqueue(goodEvents(fmt.Sprint(i), 50)...)
		}
		stop := f.startWorker("a")
		advance(time.Second)
		f.enqueue(goodEvents("later", 10)...)
		advance(time.Second)
		stop()
		f.checkSize(0, 0)
		f.checkStored(1010)
		if f.log.Lines() != 0 {
			f.t.Errorf("the log has\n%s", f.log)
		}
	})
}

func TestWorker_WaitsForTheStore(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.setFail(unavailable())
		f.enqueue(goodEvents("a", 5)...)
		stop := f.startWorker("a")
		advance(10 * time.Minute)
		f.checkSize(5, 0)
		f.store.setFail(nil)
		advance(10 * time.Second)
		f.checkSize(0, 0)
		stop()
		f.checkStored(5)
		for _, want := range []string{`msg="worker paused" dependency=database`, `msg="worker resumed"`} {
			if strings.Count(f.log.String(), want) != 1 || f.log.Lines() != 2 {
				f.t.Errorf("the log has not one line %s:\n%s", want, f.log)
			}
		}
	})
}

// TestWorker_ReceivesNothingInANoticedOutage has workers that come and go for a
// day. That must not look like a message that crashes workers.
func TestWorker_ReceivesNothingInANoticedOutage(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.setFail(unavailable())
		f.enqueue(goodEvents("a", 5)...)
		ready := false
		for i := range 20 {
			stop := f.startWorker(fmt.Sprint(i), func(o *queue.WorkerOptions) { o.Ready = func() bool { return ready } })
			advance(time.Hour)
			stop()
		}
		f.checkSize(5, 0)
		ready = true
		f.store.setFail(nil)
		stop := f.startWorker("last")
		advance(time.Minute)
		stop()
		f.checkSize(0, 0)
	})
}

// noAckQueue is a queue whose workers crash between COMMIT and acknowledgement.
type noAckQueue struct{ queue.Queue }

type noAckConsumer struct{ queue.Consumer }

func (q noAckQueue) Consumer(name string) queue.Consumer {
	return noAckConsumer{q.Queue.Consumer(name)}
}

func (noAckConsumer) Acknowledge(context.Context, []queue.Message) error { return errors.New("crash") }

func (noAckConsumer) Leave(context.Context) error { return nil }

func TestWorker_CountsOnceIfItCrashesAfterCommit(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.enqueue(goodEvents("a", 5)...)
		crash := f.startWorkerOn(noAckQueue{f.queue}, "crashes")
		advance(time.Millisecond)
		crash()
		f.checkSize(5, 0)
		f.checkStored(5)
		stop := f.startWorker("next")
		advance(time.Minute)
		stop()
		f.checkSize(0, 0)
		f.checkStored(5)
	})
}

func TestWorker_BisectsRejectedEvents(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.poison = "rejected-3"
		f.enqueue(goodEvents("before", 7)...)
		f.enqueue(goodEvents("rejected", 9)...)
		f.enqueue(goodEvents("after", 4)...)
		stop := f.startWorker("a")
		advance(time.Second)
		stop()
		f.checkSize(0, 1)
		f.checkStored(19)
		letters, err := f.queue.DeadLetters(f.t.Context(), "", 10)
		if err != nil || len(letters) != 1 || letters[0].Event.ID != "rejected-3" || !strings.Contains(letters[0].Reason, "bad data") {
			f.t.Errorf("dead letters %+v, %v", letters, err)
		}
	})
}

func TestWorker_GivesUpMessageThatCrashesWorkers(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"not stored": false, "stored, and only not acknowledged": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				f.enqueue(goodEvents("a", 3)...)
				messages := f.receiveAs("crashes-0")
				for i := range 5 {
					if stored {
						_, _ = f.store.Receive(t.Context(), []store.Delivery{messages[0].Delivery})
					}
					var err error
					messages, err = f.queue.Consumer(fmt.Sprint("crashes-", i+1)).Claim(t.Context(), 0)
					if err != nil || len(messages) != 1 || messages[0].Deliveries != int64(i+2) {
						t.Fatalf("%+v, %v", messages, err)
					}
				}
				stop := f.startWorker("next")
				advance(time.Minute)
				stop()
				if stored {
					f.checkSize(0, 0)
				} else {
					f.checkSize(0, 3)
				}
			})
		})
	}
}

func TestWorker_StoresRedeliveriesOneByOne(t *testing.T) {
	inBubble(t, func(f *fixture) {
		for i := range 4 {
			f.enqueue(goodEvents(fmt.Sprint(i), 2)...)
		}
		f.receiveAs("crashes")
		stop := f.startWorker("next")
		advance(time.Minute)
		stop()
		f.checkSize(0, 0)
		if !slices.Equal(f.store.calls, []int{1, 1, 1, 1}) {
			f.t.Errorf("calls with %v deliveries", f.store.calls)
		}
	})
}

func TestWorker_ForgetsDeliveriesThatCantComeAgain(t *testing.T) {
	inBubble(t, func(f *fixture) {
		stop := f.startWorker("a")
		for i := range 30 {
			f.enqueue(goodEvents(fmt.Sprint(i), 2)...)
			advance(time.Minute)
		}
		stop()
		if f.store.forgotten < 15 || f.store.forgotten > 25 {
			f.t.Errorf("%d of 30 deliveries were forgotten in half an hour, want all but those of about 10 minutes", f.store.forgotten)
		}
	})
}

func TestWorker_SurvivesAnOutageOfTheQueue(t *testing.T) {
	inBubble(t, func(f *fixture) {
		stop := f.startWorker("a")
		f.enqueue(goodEvents("a", 3)...)
		f.queue.Fail(unavailable())
		advance(time.Hour)
		f.queue.Fail(nil)
		f.enqueue(goodEvents("b", 3)...)
		advance(time.Minute)
		stop()
		f.checkSize(0, 0)
		f.checkStored(6)
		if !strings.Contains(f.log.String(), `msg="worker paused" dependency=queue`) {
			f.t.Errorf("the log has\n%s", f.log)
		}
	})
}

// TestWorker_ReportsOutcomes has good events, one that is rejected, and a delivery
// that was stored before.
func TestWorker_ReportsOutcomes(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.poison = "rejected-0"
		f.enqueue(goodEvents("crash", 5)...)
		crash := f.startWorkerOn(noAckQueue{f.queue}, "crashes")
		advance(time.Millisecond)
		crash()
		f.enqueue(goodEvents("good", 7)...)
		f.enqueue(goodEvents("rejected", 3)...)
		var got store.Received
		dead := 0
		stop := f.startWorker("a", func(o *queue.WorkerOptions) {
			o.OnReceived = func(r store.Received) {
				got.Stored += r.Stored
				got.Duplicates += r.Duplicates
				got.Redelivered += r.Redelivered
			}
			o.OnDeadLetter = func(events int) { dead += events }
		})
		advance(time.Minute)
		stop()
		f.checkSize(0, 1)
		if want := (store.Received{Stored: 9, Redelivered: 5}); got != want || dead != 1 {
			f.t.Errorf("reported %+v and %d dead letters, want %+v and 1", got, dead, want)
		}
		if strings.Count(f.log.String(), `msg="events became dead letters`) != 1 {
			f.t.Errorf("the log has\n%s", f.log)
		}
	})
}
