package queuetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// model is a queue as simple as can be: where each event is.
type model struct {
	queued map[event.Key]bool
	dead   map[event.Key]string // its dead letter
	done   map[event.Key]bool
}

// followsModel takes one queue through short histories of everything that can
// be done to it, and empties it at the end of each.
func followsModel(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	history := 0
	rapid.Check(t, func(t *rapid.T) {
		history++
		run := &modelRun{
			t: t, q: q, topic: fmt.Sprint("history ", history), last: map[string]queue.Message{},
			model: model{queued: map[event.Key]bool{}, dead: map[event.Key]string{}, done: map[event.Key]bool{}},
		}
		for range 2 {
			run.consumers = append(run.consumers, run.newConsumer())
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			run.step(rapid.SampledFrom([]string{
				"append", "append", "receive", "receive", "done", "done", "split", "bury", "crash", "claim", "retry", "drop", "leave",
			}).Draw(t, "step"))
			checkSize(t, q, len(run.model.queued), len(run.model.dead))
		}
		run.end()
	})
}

type modelRun struct {
	t         *rapid.T
	q         queue.Queue
	topic     string
	made      int // events
	names     int // consumers
	consumers []queue.Consumer
	last      map[string]queue.Message // what was handed out and not finished
	model     model
}

func (r *modelRun) newConsumer() queue.Consumer {
	r.names++
	return r.q.Consumer(fmt.Sprint(r.topic, " consumer ", r.names))
}

func (r *modelRun) step(name string) {
	ctx := context.Background()
	at := rapid.IntRange(0, len(r.consumers)-1).Draw(r.t, "consumer")
	c := r.consumers[at]
	switch name {
	case "append":
		events := newEvents(fmt.Sprint(r.topic, "/", r.made), rapid.IntRange(1, 4).Draw(r.t, "events"))
		r.made++
		mustAppend(r.t, r.q, events...)
		for _, e := range events {
			r.model.queued[e.Key()] = true
		}
	case "receive":
		r.note(mustReceive(r.t, c, atOnce))
	case "claim":
		r.note(mustClaim(r.t, c, 0))
	case "crash":
		r.consumers[at] = r.newConsumer()
	case "leave":
		r.check(c.Leave(ctx))
		r.consumers[at] = r.newConsumer()
	case "done":
		if m, there := r.pick(); there {
			r.check(c.Acknowledge(ctx, []queue.Message{m}))
			r.finished(m)
		}
	case "split":
		if m, there := r.pick(); there {
			r.check(c.Split(ctx, m))
			if len(m.Events) > 1 {
				delete(r.last, m.Ref)
			}
		}
	case "bury":
		if m, there := r.pick(); there {
			r.check(c.MoveToDeadLetters(ctx, m, "reason"))
			r.buried(m)
		}
	case "retry":
		r.exhume(r.q.Retry, r.model.queued)
	case "drop":
		r.exhume(r.q.Drop, r.model.done)
	}
}

func (r *modelRun) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// note takes messages that were handed out. Each event of them must be queued.
func (r *modelRun) note(messages []queue.Message) {
	for _, m := range messages {
		for _, e := range m.Events {
			if !r.model.queued[e.Key()] {
				r.t.Fatalf("%q comes out and is not queued", e.Key())
			}
		}
		r.last[m.Ref] = m
	}
}

// pick draws one of the messages that were handed out and not finished.
func (r *modelRun) pick() (queue.Message, bool) {
	if len(r.last) == 0 {
		return queue.Message{}, false
	}
	refs := make([]string, 0, len(r.last))
	for ref := range r.last {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	return r.last[refs[rapid.IntRange(0, len(refs)-1).Draw(r.t, "message")]], true
}

func (r *modelRun) finished(m queue.Message) {
	delete(r.last, m.Ref)
	for _, e := range m.Events {
		delete(r.model.queued, e.Key())
		r.model.done[e.Key()] = true
	}
}

func (r *modelRun) buried(m queue.Message) {
	delete(r.last, m.Ref)
	for _, e := range m.Events {
		delete(r.model.queued, e.Key())
		r.model.dead[e.Key()] = ""
	}
	for _, letter := range mustLetters(r.t, r.q, 3) {
		if _, known := r.model.dead[letter.Event.Key()]; !known {
			r.t.Fatalf("%q is dead", letter.Event.Key())
		}
		r.model.dead[letter.Event.Key()] = letter.ID
	}
}

// exhume retries or drops some dead letters.
func (r *modelRun) exhume(what func(context.Context, []string) (int64, error), to map[event.Key]bool) {
	var ids []string
	for key, id := range r.model.dead {
		if len(ids) == 2 {
			break
		}
		ids = append(ids, id)
		delete(r.model.dead, key)
		to[key] = true
	}
	count, err := what(context.Background(), ids)
	if err != nil || count != int64(len(ids)) {
		r.t.Fatalf("of %d dead letters %d, %v", len(ids), count, err)
	}
}

// end finishes all and finds nothing missing.
func (r *modelRun) end() {
	r.exhumeAll()
	c := r.newConsumer()
	for {
		messages := append(mustClaim(r.t, c, 0), mustReceive(r.t, c, atOnce)...)
		if len(messages) == 0 {
			break
		}
		r.note(messages)
		mustDone(r.t, c, messages...)
		for _, m := range messages {
			r.finished(m)
		}
	}
	if len(r.model.queued) > 0 {
		r.t.Fatalf("never came out: %v", r.model.queued)
	}
	if size := mustSize(r.t, r.q); size != (queue.Size{}) {
		r.t.Fatalf("an empty queue has the size %+v", size)
	}
}

func (r *modelRun) exhumeAll() {
	for len(r.model.dead) > 0 {
		r.exhume(r.q.Drop, r.model.done)
	}
}

// stress has appenders beside consumers that fail, crash and bury, under the
// race detector too.
func stress(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	const appenders, consumers, rounds, size = 4, 4, 40, 6
	l := newLedger()
	stop := make(chan struct{})
	var in, out errgroup.Group
	for appender := range appenders {
		in.Go(func() error {
			for round := range rounds {
				if err := l.appendUntilAnswered(t.Context(), q, newEvents(fmt.Sprintf("%d/%d", appender, round), size)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for number := range consumers {
		out.Go(func() error { return l.crashingConsumer(q, number, stop) })
	}
	if err := in.Wait(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the queue is drained", func() bool { return mustSize(t, q).Events == 0 })
	close(stop)
	if err := out.Wait(); err != nil {
		t.Fatal(err)
	}
	letters := mustLetters(t, q, 100)
	if len(letters) == 0 || int64(len(letters)) != mustSize(t, q).DeadLetters {
		t.Errorf("%d dead letters, the size is %+v", len(letters), mustSize(t, q))
	}
	for i, letter := range letters {
		l.commit([]queue.Message{{Delivery: store.Delivery{ID: store.DeliveryID{0: 'd', 1: byte(i), 2: byte(i >> 8)}, Events: []event.Event{letter.Event}}}})
	}
	l.check(t, false)
	if size := mustSize(t, q); size.Events != 0 || size.Bytes != 0 {
		t.Errorf("a drained queue has the size %+v", size)
	}
}

// stressIdle is after how long the stress takes over what others hold.
const stressIdle = time.Second

// crashingConsumer consumes with failures of all kinds. The seed is its number.
func (l *ledger) crashingConsumer(q queue.Queue, number int, stop <-chan struct{}) error {
	ctx := context.Background()
	random := rand.New(rand.NewPCG(uint64(number), 1))
	for life := 0; ; life++ {
		c := q.Consumer(fmt.Sprintf("consumer %d, life %d", number, life))
		for crashed := false; !crashed; {
			select {
			case <-stop:
				return c.Leave(ctx)
			default:
			}
			claimed, errClaim := c.Claim(ctx, stressIdle)
			received, errReceive := c.Receive(ctx, 20*time.Millisecond)
			if err := errors.Join(errClaim, errReceive); err != nil {
				return err
			}
			// Receive gives again what was claimed.
			received = slices.Concat(claimed, slices.DeleteFunc(received, func(m queue.Message) bool {
				return slices.ContainsFunc(claimed, func(other queue.Message) bool { return other.Ref == m.Ref })
			}))
			var err error
			if crashed, err = l.settle(ctx, c, random, received); err != nil {
				return err
			}
		}
	}
}

func (l *ledger) settle(ctx context.Context, c queue.Consumer, random *rand.Rand, messages []queue.Message) (crashed bool, err error) {
	given := time.Now()
	for _, m := range messages {
		l.mu.Lock()
		_, stored := l.finished[m.ID]
		l.mu.Unlock()
		// One that others may have taken over is not given up.
		alone := !stored && time.Since(given) < stressIdle/2
		switch chance := random.IntN(20); {
		case chance < 2:
			return true, nil
		case chance < 4: // fails, and comes again
		case chance < 5 && alone:
			err = c.MoveToDeadLetters(ctx, m, "reason")
		case chance < 6 && alone:
			err = c.Split(ctx, m)
		case chance < 7: // stored, and crashes before it says so
			l.commit([]queue.Message{m})
			return true, nil
		default:
			l.commit([]queue.Message{m})
			err = c.Acknowledge(ctx, []queue.Message{m})
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}
