package queue_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestWorker_ParksMessageThatFailsAlone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		loseResponse bool
	}{
		{"the store says that it stored nothing", false},
		{"the store's responses are lost", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				f.store.loseResponse = test.loseResponse
				f.enqueue(goodEvents("before", 10)...)
				f.enqueue(slices.Concat(goodEvents("same message", 5), badEvents("culprit", 2))...)
				for i := range 40 {
					f.enqueue(goodEvents(fmt.Sprint("after-", i), 10)...)
				}
				stop := f.startWorker("a")
				advance(4 * time.Second)
				f.checkStored(410) // all other messages
				f.enqueueEvery(10*time.Second, 100)
				stop()
				f.checkSize(0, 2)
				f.checkStored(515)
				if tries := f.store.tries.Load(); tries > 60 {
					t.Errorf("%d failed tries of two events in 17 minutes", tries)
				}
				letters, err := f.queue.DeadLetters(t.Context(), "", 10)
				for _, letter := range letters {
					if letter.Event.Topic != "bad" || !strings.Contains(letter.Reason, "while others were stored: receive: store unavailable") {
						t.Errorf("dead letter %+v, %v", letter, err)
					}
				}
			})
		})
	}
}

// TestWorker_GivesUpAfterTriesAndAge checks the sentence of the documentation:
// after 5 tries over 10 minutes while others are stored.
func TestWorker_GivesUpAfterTriesAndAge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		others time.Duration // how often another event is stored
		change func(*queue.WorkerOptions)
		from   time.Duration // the event becomes a dead letter after this time
		to     time.Duration // and before this; 0 for never
	}{
		{"others are stored", 5 * time.Second, nil, 10 * time.Minute, 12 * time.Minute},
		{"others are stored now and then", 30 * time.Second, nil, 10 * time.Minute, 13 * time.Minute},
		{"no other is stored", time.Hour, nil, 0, 0},
		{"few tries", time.Second, func(o *queue.WorkerOptions) { o.GiveUpTries = 2 }, 10 * time.Minute, 12 * time.Minute},
		{"a short time", time.Second, func(o *queue.WorkerOptions) { o.GiveUpAge = time.Second }, 75 * time.Second, 200 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				if test.change == nil {
					test.change = func(*queue.WorkerOptions) {}
				}
				var failedAfter atomic.Int64
				began := time.Now()
				stop := f.startWorker("a", test.change, func(o *queue.WorkerOptions) {
					o.OnDeadLetter = func(int) { failedAfter.Store(int64(time.Since(began))) }
				})
				f.enqueue(goodEvents("first", 1)...)
				f.enqueue(badEvents("culprit", 1)...)
				for i := 0; time.Since(began) < 6*time.Hour; i++ {
					f.enqueue(goodEvents(fmt.Sprint("other-", i), 1)...)
					advance(test.others)
				}
				stop()
				if got := time.Duration(failedAfter.Load()); got < test.from || got > test.to {
					t.Errorf("it became a dead letter after %s, want %s to %s", got, test.from, test.to)
				}
			})
		})
	}
}

// TestWorker_MakesNoDeadLettersInUnnoticedOutage has a store that fails at
// everything for 20 minutes at a time, while its health checks succeed.
func TestWorker_MakesNoDeadLettersInUnnoticedOutage(t *testing.T) {
	inBubble(t, func(f *fixture) {
		stop := f.startWorker("a")
		for i := range 30 {
			f.store.down.Store(true)
			for j := range 20 {
				f.enqueue(goodEvents(fmt.Sprint(i, "-", j), 3)...)
				advance(time.Minute)
			}
			f.checkSize(60, 0)
			f.store.down.Store(false)
			advance(10 * time.Second)
			f.checkSize(0, 0)
		}
		stop()
		f.checkStored(1800)
	})
}

// TestWorker_CountsNothingWhileTheStoreIsUnavailable has an outage that is seen in
// the errors only. Others are stored in between, as with a disk that is almost full.
func TestWorker_CountsNothingWhileTheStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		store.NotReached(fmt.Errorf("receive: %w: disk full", store.ErrUnavailable)),
		&store.RetryError{Err: fmt.Errorf("receive: %w", store.ErrOverloaded), After: time.Second},
		store.ErrClosed,
	} {
		t.Run(err.Error(), func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				stop := f.startWorker("a")
				for i := range 400 {
					f.store.setFail(err)
					f.enqueue(goodEvents(fmt.Sprint(i), 2)...)
					advance(5 * time.Second)
					f.store.setFail(nil)
					advance(time.Second)
				}
				advance(10 * time.Second)
				f.checkSize(0, 0)
				stop()
				f.checkStored(800)
				if strings.Contains(f.log.String(), "while others are") {
					t.Errorf("a message was held responsible:\n%s", f.log)
				}
			})
		})
	}
}

// TestWorker_CountsNothingBeforeANoticedOutage has a store whose outage is noticed
// a second after the first message failed because of it.
func TestWorker_CountsNothingBeforeANoticedOutage(t *testing.T) {
	inBubble(t, func(f *fixture) {
		var noticed atomic.Bool
		stop := f.startWorker("a", func(o *queue.WorkerOptions) { o.Ready = func() bool { return !noticed.Load() } })
		for i := range 20 {
			f.store.down.Store(true)
			f.enqueue(goodEvents(fmt.Sprint(i), 2)...)
			advance(time.Second)
			noticed.Store(true)
			advance(20 * time.Second)
			f.store.down.Store(false)
			noticed.Store(false)
			advance(3 * time.Second)
			f.checkSize(0, 0)
		}
		stop()
		f.checkStored(40)
		if strings.Contains(f.log.String(), "while others are") {
			f.t.Errorf("a message was held responsible:\n%s", f.log)
		}
	})
}

func TestWorker_MakesBatchesSmallerThatTimeOut(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.maxEvents = 25
		for i := range 16 {
			f.enqueue(goodEvents(fmt.Sprint(i), 10)...)
		}
		f.enqueue(goodEvents("too slow alone", 30)...)
		stop := f.startWorker("a")
		advance(10 * time.Minute)
		f.enqueueEvery(10*time.Second, 60)
		stop()
		f.checkSize(0, 0)
		f.checkStored(250)
	})
}

// TestWorker_IsNotBlockedByManyFailingMessages has more failing messages in a row
// than the worker takes for an outage.
func TestWorker_IsNotBlockedByManyFailingMessages(t *testing.T) {
	inBubble(t, func(f *fixture) {
		for i := range 100 {
			f.enqueue(badEvents(fmt.Sprint("culprit-", i), 1)...)
		}
		f.enqueue(goodEvents("good", 10)...)
		stop := f.startWorker("a")
		advance(5 * time.Minute)
		f.checkStored(10)
		f.enqueueEvery(10*time.Second, 200)
		stop()
		f.checkSize(0, 100)
	})
}

// TestWorker_LosesAndCountsNothingTwice has workers that stop and start, outages
// that are not noticed, and messages that fail.
func TestWorker_LosesAndCountsNothingTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		loseResponse := rapid.Bool().Draw(r, "responses are lost")
		steps := rapid.SliceOfN(rapid.IntRange(0, 5), 5, 40).Draw(r, "steps")
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			f.store.loseResponse = loseResponse
			good, bad := 0, 0
			stop := f.startWorker("a")
			for i, step := range steps {
				switch step {
				case 0:
					f.enqueue(goodEvents(fmt.Sprint("good-", i), 7)...)
					good += 7
				case 1:
					f.enqueue(slices.Concat(goodEvents(fmt.Sprint("mixed-", i), 3), badEvents(fmt.Sprint("bad-", i), 2))...)
					good, bad = good+3, bad+2
				case 2:
					f.store.down.Store(!f.store.down.Load())
				case 3:
					stop()
					stop = f.startWorker("a")
				default:
					advance(time.Duration(i) * time.Second)
				}
			}
			f.store.down.Store(false)
			f.enqueueEvery(10*time.Second, 300)
			stop()
			f.checkStored(good + 300)
			f.checkSize(0, int64(bad))
		})
		if t.Failed() {
			r.Fatal("see above")
		}
	})
}

// TestWorker_GivesUpSoonerIfTheRetryQueueIsFull has a topic whose events fail, and
// of which more arrive than can be parked, among healthy ones.
func TestWorker_GivesUpSoonerIfTheRetryQueueIsFull(t *testing.T) {
	inBubble(t, func(f *fixture) {
		const seconds, perSecond = 120, 25
		stop := f.startWorker("a")
		for i := range seconds {
			for j := range perSecond {
				f.enqueue(badEvents(fmt.Sprint("culprit-", i, "-", j), 1)...)
				f.enqueue(goodEvents(fmt.Sprint("good-", i, "-", j), 1)...)
			}
			advance(time.Second)
		}
		advance(time.Minute)
		f.checkStored(seconds * perSecond)
		f.enqueueEvery(10*time.Second, 600)
		stop()
		f.checkSize(0, seconds*perSecond)
	})
}
