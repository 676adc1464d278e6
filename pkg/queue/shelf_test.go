package queue_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/store"
)

// sick is a ledger that is well but for some events: their rows can't be read,
// for a reason that is neither in the data nor an outage. It says nothing of
// that when it is asked how it is.
type sick struct {
	*ledger
	topic string       // whose events fail
	lost  bool         // the answer is lost: nobody knows what was stored
	most  int          // how many events it takes before the append times out, 0 for any
	tries atomic.Int64 // of appends that failed
	down  atomic.Bool  // it fails at everything
	hangs bool         // and that by not answering
}

func (s *sick) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	events, bad := 0, s.down.Load()
	for _, d := range deliveries {
		events += len(d.Events)
		bad = bad || slices.ContainsFunc(d.Events, func(e event.Event) bool { return e.Topic == s.topic })
	}
	switch {
	case s.most > 0 && events > s.most, s.hangs && s.down.Load():
		s.tries.Add(1)
		<-ctx.Done()
		return store.Received{}, fmt.Errorf("receive: %w", ctx.Err())
	case bad && s.lost:
		s.tries.Add(1)
		return store.Received{}, fmt.Errorf("receive: %w: connection reset", store.ErrUnavailable)
	case bad:
		s.tries.Add(1)
		return store.Received{}, fmt.Errorf("receive: %w: %w: invalid page in block 7 (SQLSTATE XX001)", store.ErrUnavailable, store.ErrNotReached)
	}
	return s.ledger.Receive(ctx, deliveries)
}

func badEvents(prefix string, count int) []event.Event {
	events := someEvents(prefix, count)
	for i := range events {
		events[i].Topic = "bad"
	}
	return events
}

// trickle appends a good event now and then.
func (b *bench) trickle(times int, every time.Duration) {
	for i := range times {
		b.enqueue(someEvents(fmt.Sprint("trickle-", i), 1)...)
		pass(every)
	}
}

// TestOneMessageThatFailsHoldsNobodyUp has a message whose events fail for ever,
// with others before, beside and behind them.
func TestOneMessageThatFailsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		lost bool
	}{
		{"the store says that it took nothing", false},
		{"the store's answers are lost", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBench(t, func(b *bench) {
				s := &sick{ledger: b.store, topic: "bad", lost: test.lost}
				b.enqueue(someEvents("before", 10)...)
				b.enqueue(slices.Concat(someEvents("beside", 5), badEvents("culprit", 2))...)
				for i := range 40 {
					b.enqueue(someEvents(fmt.Sprint("behind-", i), 10)...)
				}
				end := b.workOn(s, queue.WorkerOptions{Logger: b.log.logger()})
				pass(5 * time.Second)
				if got := b.store.received(b.t); got < 410 {
					b.t.Errorf("received %d events after 5 seconds, want all 410 of the other messages", got)
				}
				b.trickle(60, 10*time.Second)
				end()
				b.checkSize(0, 2)
				if got := b.store.received(b.t); got != 475 {
					b.t.Errorf("received %d events, want all 475 but the two", got)
				}
				if tries := s.tries.Load(); tries > 50 {
					b.t.Errorf("%d tries of what fails for ever", tries)
				}
				letters, err := b.queue.DeadLetters(b.t.Context(), "", 10)
				for _, letter := range letters {
					if letter.Event.Topic != "bad" || !strings.Contains(letter.Reason, "while others were stored: receive: store unavailable") {
						b.t.Errorf("dead letter %+v, %v", letter, err)
					}
				}
			})
		})
	}
}

// TestAnOutageThatNobodyNoticesMakesNoDeadLetters has a store that fails at
// everything and answers that it is well, as one does whose disk is full.
func TestAnOutageThatNobodyNoticesMakesNoDeadLetters(t *testing.T) {
	onBench(t, func(b *bench) {
		s := &sick{ledger: b.store}
		end := b.workOn(s, queue.WorkerOptions{})
		for i := range 30 {
			s.down.Store(true)
			for j := range 20 {
				b.enqueue(someEvents(fmt.Sprint(i, "-", j), 3)...)
				pass(time.Minute)
			}
			b.checkSize(60, 0)
			s.down.Store(false)
			pass(10 * time.Second)
			b.checkSize(0, 0)
		}
		end()
		if got := b.store.received(b.t); got != 1800 {
			b.t.Errorf("received %d events, want 1800", got)
		}
	})
}

// TestAnOutageThatIsNoticedLateBlamesNoMessage has a store whose absence is
// known a second after the first message failed for it.
func TestAnOutageThatIsNoticedLateBlamesNoMessage(t *testing.T) {
	onBench(t, func(b *bench) {
		s := &sick{ledger: b.store}
		var away atomic.Bool
		end := b.workOn(s, queue.WorkerOptions{Logger: b.log.logger(), Ready: func() bool { return !away.Load() }})
		for i := range 20 {
			s.down.Store(true)
			b.enqueue(someEvents(fmt.Sprint(i), 2)...)
			pass(time.Second)
			away.Store(true)
			pass(20 * time.Second)
			s.down.Store(false)
			away.Store(false)
			pass(3 * time.Second)
			b.checkSize(0, 0)
		}
		end()
		if got := b.store.received(b.t); got != 40 {
			b.t.Errorf("received %d events, want 40", got)
		}
		if strings.Contains(b.log.String(), "while others are") {
			b.t.Errorf("the log has\n%s", b.log)
		}
	})
}

// TestABatchThatIsTooSlowIsMadeSmaller has a store that takes fewer events at
// once than a worker is given.
func TestABatchThatIsTooSlowIsMadeSmaller(t *testing.T) {
	onBench(t, func(b *bench) {
		s := &sick{ledger: b.store, most: 25}
		for i := range 16 {
			b.enqueue(someEvents(fmt.Sprint(i), 10)...)
		}
		b.enqueue(someEvents("alone is too slow", 30)...)
		end := b.workOn(s, queue.WorkerOptions{})
		pass(10 * time.Minute)
		b.trickle(60, 10*time.Second)
		end()
		b.checkSize(0, 0)
		if got := b.store.received(b.t); got != 250 {
			b.t.Errorf("received %d events, want 250", got)
		}
	})
}

// TestALastingFailureOfManyHoldsNobodyUp has more messages in a row that fail
// than tell a message from an outage.
func TestALastingFailureOfManyHoldsNobodyUp(t *testing.T) {
	onBench(t, func(b *bench) {
		s := &sick{ledger: b.store, topic: "bad"}
		for i := range 100 {
			b.enqueue(badEvents(fmt.Sprint("culprit-", i), 1)...)
		}
		b.enqueue(someEvents("good", 10)...)
		end := b.workOn(s, queue.WorkerOptions{})
		pass(5 * time.Minute)
		if got := b.store.received(b.t); got != 10 {
			b.t.Errorf("received %d events, want 10", got)
		}
		b.trickle(200, 10*time.Second)
		end()
		b.checkSize(0, 100)
	})
}

// TestWhateverFailsNothingIsLostOrCountedTwice has workers that come and go, a
// store that goes away with and without notice, and messages that fail.
func TestWhateverFailsNothingIsLostOrCountedTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		lost := rapid.Bool().Draw(r, "answers are lost")
		steps := rapid.SliceOfN(rapid.IntRange(0, 5), 5, 40).Draw(r, "steps")
		synctest.Test(t, func(t *testing.T) {
			b := &bench{t: t, queue: queuetest.NewMemory(queuetest.MemoryOptions{}), store: newLedger(), log: &log{}}
			s := &sick{ledger: b.store, topic: "bad", lost: lost}
			good, bad := 0, 0
			end := b.workOn(s, queue.WorkerOptions{})
			for i, step := range steps {
				switch step {
				case 0:
					b.enqueue(someEvents(fmt.Sprint("good-", i), 7)...)
					good += 7
				case 1:
					b.enqueue(slices.Concat(someEvents(fmt.Sprint("mixed-", i), 3), badEvents(fmt.Sprint("bad-", i), 2))...)
					good, bad = good+3, bad+2
				case 2:
					s.down.Store(!s.down.Load())
				case 3:
					end()
					end = b.workOn(s, queue.WorkerOptions{})
				default:
					pass(time.Duration(i) * time.Second)
				}
			}
			s.down.Store(false)
			b.trickle(300, 10*time.Second)
			end()
			if got := b.store.received(t); got != good+300 {
				t.Errorf("received %d events, want %d", got, good+300)
			}
			b.checkSize(0, int64(bad))
		})
		if t.Failed() {
			r.Fatal("see above")
		}
	})
}

// TestMoreThatFailThanTheShelfHoldsHoldNobodyUp has a topic that fails, of which
// more comes than can be tried again, among healthy ones.
func TestMoreThatFailThanTheShelfHoldsHoldNobodyUp(t *testing.T) {
	onBench(t, func(b *bench) {
		const seconds, each = 120, 25
		s := &sick{ledger: b.store, topic: "bad"}
		end := b.workOn(s, queue.WorkerOptions{Logger: b.log.logger()})
		for i := range seconds {
			for j := range each {
				b.enqueue(badEvents(fmt.Sprint("culprit-", i, "-", j), 1)...)
				b.enqueue(someEvents(fmt.Sprint("good-", i, "-", j), 1)...)
			}
			pass(time.Second)
		}
		pass(time.Minute)
		if got := b.store.received(b.t); got != seconds*each {
			b.t.Errorf("received %d events, want all %d good ones", got, seconds*each)
		}
		if lines := strings.Count(b.log.String(), "while others are;"); lines > seconds+60 {
			b.t.Errorf("%d lines of the log say that events fail", lines)
		}
		b.trickle(1500, 10*time.Second) // each is tried five times, and few at a time
		end()
		b.checkSize(0, seconds*each)
	})
}
