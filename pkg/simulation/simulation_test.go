package simulation

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/follow"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/store"
)

var (
	seeds = flag.Int("simulation.seeds", 300, "number of runs")
	first = flag.Uint64("simulation.first", 1, "seed of the first run")
)

// TestSimulation_KeepsEveryGuarantee runs one simulation for each seed. A failure prints
// its seed: run that one again with -simulation.first SEED -simulation.seeds 1.
func TestSimulation_KeepsEveryGuarantee(t *testing.T) {
	t.Parallel()
	for i := range *seeds {
		seed := *first + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(seed)
			w.run(t)
			if faults := w.judge(); len(faults) > 0 {
				t.Errorf("seed %d:\n%s", seed, strings.Join(faults, "\n"))
			}
		})
		if t.Failed() {
			return
		}
	}
}

// TestSimulation_FindsBrokenGuarantees proves that the judge can fail: each history has
// one wrong outcome.
func TestSimulation_FindsBrokenGuarantees(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(w *world){
		"an event that is lost":     func(w *world) { delete(w.store.keys, w.ops[0].key); w.store.order = w.store.order[1:] },
		"an event that is doubled":  func(w *world) { w.store.order = append(w.store.order, w.store.order[0]) },
		"a repeat nobody sent":      func(w *world) { w.store.duplicates += int64(len(w.ops)) },
		"a repeat that is missing":  func(w *world) { w.store.duplicates = -1 },
		"two senders store one key": func(w *world) { w.ops = append(w.ops, w.ops[w.acknowledged(event.Stored)]) },
		"a follower misses one":     func(w *world) { w.seen = w.seen[1:] },
		"a follower repeats one":    func(w *world) { w.seen = append(w.seen, w.seen[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(7)
				w.run(t)
				spoil(w)
				if len(w.judge()) == 0 {
					t.Error("the judge found nothing")
				}
			})
		})
	}
}

const (
	senders, eventsOfSender, keys = 4, 12, 20
	// calm is when the last fault begins, after the start.
	calm = 20 * time.Second
)

// world is one simulation: two instances, their store and queue, senders and a follower.
type world struct {
	random    *rand.Rand
	store     *faultyStore
	queue     *faultyQueue
	instances []*instance
	began     time.Time

	mu   sync.Mutex
	ops  []op
	seen []string // by the follower, in its order
}

// op is one request of a sender with one event.
type op struct {
	key            event.Key
	call, returned time.Duration // since the start
	outcome        event.Outcome
	unknown        bool // there was an error, and the event may be stored later
}

// instance is what one process has.
type instance struct {
	appender store.Appender
	close    func(context.Context)
}

func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 0)), began: time.Now()}
	newFaults := func(salt uint64) *faults {
		f := &faults{seed: seed*2 + salt, chance: w.random.IntN(30), end: w.began.Add(calm), calls: map[string]uint64{}}
		for range w.random.IntN(3) {
			begin := w.began.Add(between(w.random, 0, calm*3/4))
			f.down = append(f.down, outage{begin: begin, end: begin.Add(between(w.random, 0, calm/4))})
		}
		return f
	}
	w.store = newFaultyStore(newFaults(0))
	w.queue = &faultyQueue{Queue: queuetest.NewMemory(queuetest.MemoryOptions{Random: rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})}), faults: newFaults(1)}
	return w
}

// run runs the simulation until everything that was acknowledged is stored.
func (w *world) run(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	working, stopWorkers := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	for i := range 2 {
		w.instances = append(w.instances, w.start(ctx))
		background.Go(func() { w.work(working, i) })
	}
	background.Go(func() { w.follow(ctx) })
	var sending sync.WaitGroup
	for sender := range senders {
		r := rand.New(rand.NewPCG(w.random.Uint64(), uint64(sender)))
		sending.Go(func() { w.send(ctx, r, sender) })
	}
	sending.Wait()
	w.await(ctx, t, "the queue is empty", func() bool {
		size, err := w.queue.Size(ctx)
		return err == nil && size.Events == 0
	})
	w.await(ctx, t, "the follower is at the end", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.seen) >= len(w.store.keys)
	})
	time.Sleep(10 * time.Second) // what was given up by its sender ends
	for _, i := range w.instances {
		i.close(ctx)
	}
	stopWorkers()
	stop()
	background.Wait()
	time.Sleep(time.Minute) // the reader of the hub ends after its last follower
	synctest.Wait()
}

// await waits in simulated time.
func (w *world) await(ctx context.Context, t *testing.T, what string, done func() bool) {
	for deadline := time.Now().Add(time.Hour); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within an hour: %s", what)
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

// start starts an instance: the route of an event, as package cmd wires it.
func (w *world) start(ctx context.Context) *instance {
	direct := ingest.New(w.store, ingest.Options{Writers: 2, MaxBatch: 4, MaxPending: 8, MaxDelay: time.Second, FlushTimeout: 2 * time.Second})
	queued := ingest.New(w.queue, ingest.Options{Writers: 1, FlushTimeout: 2 * time.Second})
	database := failover.NewCircuitBreaker(ctx, "database", direct, w.store.Ping, failover.CircuitBreakerOptions{})
	toQueue := failover.NewCircuitBreaker(ctx, "queue", queued, w.queue.Ping, failover.CircuitBreakerOptions{})
	return &instance{
		appender: failover.NewFallback(database, toQueue, failover.FallbackOptions{From: "database", To: "queue"}),
		close: func(ctx context.Context) {
			database.Close()
			toQueue.Close()
			_, _ = direct.Close(ctx), queued.Close(ctx)
		},
	}
}

// work runs workers of the queue one after the other. Each but the last one crashes.
func (w *world) work(ctx context.Context, number int) {
	r := rand.New(rand.NewPCG(w.store.faults.seed, uint64(number)))
	for life := 0; ctx.Err() == nil; life++ {
		consumer := &crashingQueue{faultyQueue: w.queue}
		worker := queue.NewWorker(consumer, fmt.Sprint("worker ", number, ".", life), w.store, queue.WorkerOptions{AppendTimeout: 2 * time.Second})
		living, die := context.WithCancel(ctx)
		if time.Since(w.began) < calm {
			time.AfterFunc(between(r, time.Second, calm), func() {
				consumer.made.crash()
				die()
			})
		}
		worker.Run(living)
		die()
	}
}

// crashingQueue remembers the consumer that it made.
type crashingQueue struct {
	*faultyQueue

	made *faultyConsumer
}

// Consumer implements [queue.Queue].
func (q *crashingQueue) Consumer(name string) queue.Consumer {
	q.made, _ = q.faultyQueue.Consumer(name).(*faultyConsumer)
	return q.made
}

// send sends events, each until it is acknowledged.
func (w *world) send(ctx context.Context, r *rand.Rand, sender int) {
	for range eventsOfSender {
		e := event.Event{Topic: "t", ID: fmt.Sprint("key ", r.IntN(keys)), Timestamp: w.began, Source: fmt.Sprint(sender), Payload: "{}"}
		for acknowledged := false; !acknowledged; {
			sleep(ctx, between(r, 0, 500*time.Millisecond))
			acknowledged = w.sendOnce(ctx, r, e)
		}
	}
}

// sendOnce sends an event to one of the instances, and records what came back.
func (w *world) sendOnce(ctx context.Context, r *rand.Rand, e event.Event) bool {
	patience, cancel := context.WithTimeout(ctx, between(r, 100*time.Millisecond, 10*time.Second))
	defer cancel()
	call := time.Since(w.began)
	outcomes, err := w.instances[r.IntN(len(w.instances))].appender.Append(patience, []event.Event{e})
	o := op{key: e.Key(), call: call, returned: time.Since(w.began), unknown: err != nil}
	if err == nil {
		o.outcome = outcomes[0]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ops = append(w.ops, o)
	return err == nil
}

// follow follows all events from the first, and starts again after an error.
func (w *world) follow(ctx context.Context) {
	hub := follow.New(w.store, follow.Options{Encode: func(dst []byte, record store.Record) []byte { return append(append(dst, record.ID...), '\n') }})
	var at store.Position
	for ctx.Err() == nil {
		f, err := hub.Join(ctx, store.Filter{}, at, nil)
		if err != nil {
			sleep(ctx, time.Second)
			continue
		}
		for err == nil {
			var text []byte
			if text, err = f.Next(ctx, time.Second); err == nil {
				w.mu.Lock()
				w.seen = append(w.seen, strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })...)
				w.mu.Unlock()
			}
		}
		at = f.Position()
		f.Leave()
	}
}

// acknowledged returns the index of a request with an outcome.
func (w *world) acknowledged(outcome event.Outcome) int {
	return slices.IndexFunc(w.ops, func(o op) bool { return !o.unknown && o.outcome == outcome })
}

// judge returns what is wrong.
func (w *world) judge() (wrong []string) {
	known, distinct := int64(0), map[event.Key]bool{}
	for _, o := range w.ops {
		if o.unknown {
			continue
		}
		known++
		distinct[o.key] = true
		if !w.store.keys[o.key] {
			wrong = append(wrong, fmt.Sprintf("acknowledged and missing: %v", o.key))
		}
	}
	var order []string
	twice := map[string]bool{}
	for _, e := range w.store.order {
		if twice[e.ID] {
			wrong = append(wrong, "stored twice: "+e.ID)
		}
		twice[e.ID] = true
		order = append(order, e.ID)
	}
	received := int64(len(w.store.order)) + w.store.duplicates
	if received < known || received > int64(len(w.ops)) {
		wrong = append(wrong, fmt.Sprintf("received %d, of %d sent and %d acknowledged", received, len(w.ops), known))
	}
	if !slices.Equal(w.seen, order) {
		wrong = append(wrong, fmt.Sprintf("the follower saw %q, stored was %q", w.seen, order))
	}
	if !porcupine.CheckOperations(setOnce(), w.history()) {
		wrong = append(wrong, fmt.Sprintf("the outcomes are not those of one register a key: %+v", w.ops))
	}
	return wrong
}

// setOnce is the model of a key: the first append stores it, each other one finds it. An
// append without a known outcome may take effect at any time later, or never.
func setOnce() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[event.Key][]porcupine.Operation{}
			for _, o := range history {
				key, _ := o.Input.(event.Key)
				byKey[key] = append(byKey[key], o)
			}
			var parts [][]porcupine.Operation
			for _, part := range byKey {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return false },
		Step: func(state, _, output any) (bool, any) {
			stored, _ := state.(bool)
			switch output {
			case event.Stored:
				return !stored, true
			case event.Duplicate:
				return stored, true
			default:
				return true, true
			}
		},
	}
}

// history returns the requests for the checker. A request that is queued, or whose
// outcome is unknown, ends after all others. Of those of one key the earliest is enough:
// it can take effect whenever another one could, and each of them would double the
// checker's work.
func (w *world) history() []porcupine.Operation {
	var all []porcupine.Operation
	open := map[event.Key]int{}
	for i, o := range w.ops {
		entry := porcupine.Operation{ClientId: i, Input: o.key, Call: int64(o.call), Output: o.outcome, Return: int64(o.returned)}
		if !o.unknown && o.outcome != event.Queued {
			all = append(all, entry)
			continue
		}
		entry.Output, entry.Return = nil, int64(100*time.Hour)
		at, found := open[o.key]
		switch {
		case !found:
			open[o.key] = len(all)
			all = append(all, entry)
		case entry.Call < all[at].Call:
			all[at] = entry
		}
	}
	return all
}
