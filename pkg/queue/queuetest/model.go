package queuetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// model is the state of each event, the simplest model of a queue.
type model struct {
	queued map[event.Key]bool
	dead   map[event.Key]string // the ID of its dead letter
	done   map[event.Key]bool
}

// followsModel runs short random histories of all operations on one queue and
// empties it after each.
func followsModel(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	history := 0
	rapid.Check(t, func(t *rapid.T) {
		history++
		run := &modelRun{
			t: t, q: q, topic: fmt.Sprint("history ", history), held: map[string]heldMessage{},
			model: model{queued: map[event.Key]bool{}, dead: map[event.Key]string{}, done: map[event.Key]bool{}},
		}
		for range 2 {
			run.consumers = append(run.consumers, run.newConsumer())
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			run.step(rapid.SampledFrom([]string{
				"append", "append", "receive", "receive", "acknowledge", "acknowledge", "split", "fail", "crash", "claim", "retry", "drop", "leave",
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
	held      map[string]heldMessage // by Ref
	model     model
}

// heldMessage is a message that is not finished, with the consumer that has it.
type heldMessage struct {
	queue.Message
	by queue.Consumer
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
		r.hold(c, mustReceive(r.t, c, atOnce))
	case "claim":
		r.hold(c, mustClaim(r.t, c, 0))
	case "crash":
		r.consumers[at] = r.newConsumer()
	case "leave":
		r.check(c.Leave(ctx))
		maps.DeleteFunc(r.held, func(_ string, m heldMessage) bool { return m.by == c })
		r.consumers[at] = r.newConsumer()
	case "acknowledge":
		if m, exists := r.pick(); exists {
			r.check(m.by.Acknowledge(ctx, []queue.Message{m.Message}))
			r.stored(m)
		}
	case "split":
		if m, exists := r.pick(); exists {
			r.check(m.by.Split(ctx, m.Message))
			if len(m.Events) > 1 {
				delete(r.held, m.Ref)
			}
		}
	case "fail":
		if m, exists := r.pick(); exists {
			r.check(m.by.MoveToDeadLetters(ctx, m.Message, "reason"))
			r.failed(m)
		}
	case "retry":
		r.takeDead(r.q.Retry, r.model.queued)
	case "drop":
		r.takeDead(r.q.Drop, r.model.done)
	}
}

func (r *modelRun) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// hold records messages that a consumer has. Each of their events must be queued.
func (r *modelRun) hold(by queue.Consumer, messages []queue.Message) {
	for _, m := range messages {
		for _, e := range m.Events {
			if !r.model.queued[e.Key()] {
				r.t.Fatalf("%q is received and is not queued", e.Key())
			}
		}
		r.held[m.Ref] = heldMessage{m, by}
	}
}

// pick draws one of the messages that are not finished.
func (r *modelRun) pick() (heldMessage, bool) {
	if len(r.held) == 0 {
		return heldMessage{}, false
	}
	refs := slices.Sorted(maps.Keys(r.held))
	return r.held[refs[rapid.IntRange(0, len(refs)-1).Draw(r.t, "message")]], true
}

func (r *modelRun) stored(m heldMessage) {
	delete(r.held, m.Ref)
	for _, e := range m.Events {
		delete(r.model.queued, e.Key())
		r.model.done[e.Key()] = true
	}
}

func (r *modelRun) failed(m heldMessage) {
	delete(r.held, m.Ref)
	for _, e := range m.Events {
		delete(r.model.queued, e.Key())
		r.model.dead[e.Key()] = ""
	}
	for _, letter := range mustLetters(r.t, r.q, 3) {
		if _, known := r.model.dead[letter.Event.Key()]; !known {
			r.t.Fatalf("%q is a dead letter, which should not be", letter.Event.Key())
		}
		r.model.dead[letter.Event.Key()] = letter.ID
	}
}

// takeDead retries or drops up to two dead letters.
func (r *modelRun) takeDead(do func(context.Context, []string) (int64, error), to map[event.Key]bool) {
	var ids []string
	for key, id := range r.model.dead {
		if len(ids) == 2 {
			break
		}
		ids = append(ids, id)
		delete(r.model.dead, key)
		to[key] = true
	}
	count, err := do(context.Background(), ids)
	if err != nil || count != int64(len(ids)) {
		r.t.Fatalf("%d dead letters were taken as %d, %v", len(ids), count, err)
	}
}

// end stores everything and checks that nothing is missing.
func (r *modelRun) end() {
	for len(r.model.dead) > 0 {
		r.takeDead(r.q.Drop, r.model.done)
	}
	c := r.newConsumer()
	for {
		messages := append(mustClaim(r.t, c, 0), mustReceive(r.t, c, atOnce)...)
		if len(messages) == 0 {
			break
		}
		r.hold(c, messages)
		mustAcknowledge(r.t, c, messages...)
		for _, m := range messages {
			r.stored(heldMessage{m, c})
		}
	}
	if len(r.model.queued) > 0 {
		r.t.Fatalf("never received: %v", r.model.queued)
	}
	if size := mustSize(r.t, r.q); size != (queue.Size{}) {
		r.t.Fatalf("the emptied queue has the size %+v", size)
	}
}

// stress runs appenders beside consumers that fail and crash at random.
func stress(t *testing.T, open Open) {
	q := open(t, Options{}).Queue
	const appenders, consumers, rounds, size = 4, 4, 40, 6
	l := newLedger()
	stop := make(chan struct{})
	var in, out errgroup.Group
	for appender := range appenders {
		in.Go(func() error {
			for round := range rounds {
				if err := l.appendUntilQueued(t.Context(), q, newEvents(fmt.Sprintf("%d/%d", appender, round), size)); err != nil {
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
	suitetest.Eventually(t, "the queue is drained", func() bool { return mustSize(t, q).Events == 0 })
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
		t.Errorf("the drained queue has the size %+v", size)
	}
}

// stressLease is the lease in the stress test.
const stressLease = 400 * time.Millisecond

// crashingConsumer consumes with failures of all kinds. Its number is the seed.
func (l *ledger) crashingConsumer(q queue.Queue, number int, stop <-chan struct{}) error {
	random := rand.New(rand.NewPCG(uint64(number), 1))
	for life := 0; ; life++ {
		c := q.Consumer(fmt.Sprintf("consumer %d, life %d", number, life))
		if err := l.untilCrash(c, random, stop); !errors.Is(err, errCrash) {
			return errors.Join(err, c.Leave(context.Background()))
		}
	}
}

var errCrash = errors.New("crash")

// untilCrash handles messages until the consumer crashes or stop is closed.
func (l *ledger) untilCrash(c queue.Consumer, random *rand.Rand, stop <-chan struct{}) error {
	ctx := context.Background()
	var unfinished []queue.Message
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		renewed := time.Now()
		errRenew := c.Renew(ctx)
		claimed, errClaim := c.Claim(ctx, stressLease)
		received, errReceive := c.Receive(ctx, 20*time.Millisecond)
		if err := errors.Join(errRenew, errClaim, errReceive); err != nil {
			return err
		}
		var failed []queue.Message
		for _, m := range slices.Concat(unfinished, claimed, received) {
			if time.Since(renewed) > stressLease/2 { // it may have lost its lease
				return errCrash
			}
			again, err := l.handle(ctx, c, random, m)
			if err != nil {
				return err
			}
			if again {
				failed = append(failed, m)
			}
		}
		unfinished = failed
	}
}

// handle does one of the things that a worker may do with a message. It reports
// whether the message is tried again.
func (l *ledger) handle(ctx context.Context, c queue.Consumer, random *rand.Rand, m queue.Message) (again bool, err error) {
	l.mu.Lock()
	_, stored := l.stored[m.ID]
	l.mu.Unlock()
	switch chance := random.IntN(20); {
	case chance < 2:
		return false, errCrash
	case chance < 4:
		return true, nil
	case chance < 5 && !stored:
		return false, c.MoveToDeadLetters(ctx, m, "reason")
	case chance < 6 && !stored && len(m.Events) > 1:
		return false, c.Split(ctx, m)
	case chance < 7: // a crash between COMMIT and acknowledgement
		l.commit([]queue.Message{m})
		return false, errCrash
	default:
		l.commit([]queue.Message{m})
		return false, c.Acknowledge(ctx, []queue.Message{m})
	}
}
