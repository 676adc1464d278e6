package chaostest

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// fault breaks something and mends it again.
type fault struct {
	name   string
	inject func(w *world, r *rand.Rand)
}

// between draws a duration.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

func faults() []fault {
	return []fault{
		{"kill -9 of an instance", func(w *world, r *rand.Rand) {
			i := w.instances[r.IntN(len(w.instances))]
			i.end(syscall.SIGKILL)
			time.Sleep(between(r, 0, time.Second))
			i.begin()
		}},
		{"rolling restart by SIGTERM", func(w *world, _ *rand.Rand) {
			for _, i := range w.instances {
				i.begin() // another fault may have ended it
				if code := i.end(syscall.SIGTERM); code != 0 {
					w.t.Errorf("SIGTERM: exit code %d", code)
				}
				i.begin()
			}
		}},
		{"PostgreSQL stopped as by a crash", func(w *world, r *rand.Rand) {
			w.postgres.Stop(testdb.Immediate)
			time.Sleep(between(r, 0, 3*time.Second))
			w.postgres.Start()
		}},
		{"PostgreSQL frozen", func(w *world, r *rand.Rand) {
			w.postgres.Pause()
			time.Sleep(between(r, time.Second, 4*time.Second))
			w.postgres.Resume()
		}},
		{"kill -9 of Redis", func(w *world, r *rand.Rand) {
			w.redis.Stop(testdb.Immediate)
			time.Sleep(between(r, 0, 2*time.Second))
			w.redis.Start()
		}},
		{"Redis frozen", func(w *world, r *rand.Rand) {
			w.redis.Pause()
			time.Sleep(between(r, time.Second, 3*time.Second))
			w.redis.Resume()
		}},
		{"both databases gone", func(w *world, r *rand.Rand) {
			w.postgres.Stop(testdb.Immediate)
			w.redis.Stop(testdb.Immediate)
			time.Sleep(between(r, 0, time.Second))
			w.redis.Start()
			time.Sleep(between(r, 0, time.Second))
			w.postgres.Start()
		}},
		{"the clock of PostgreSQL jumps", func(w *world, r *rand.Rand) { jump(w.clocks[w.postgres], r) }},
		{"the clock of Redis jumps", func(w *world, r *rand.Rand) { jump(w.clocks[w.redis], r) }},
		{"connections cut in the middle of requests and answers", func(w *world, r *rand.Rand) {
			w.cut(20)
			time.Sleep(between(r, time.Second, 3*time.Second))
			w.cut(0)
		}},
		{"answers later than the sender waits", func(w *world, r *rand.Rand) {
			p := w.senders.proxies[r.IntN(len(w.senders.proxies))]
			p.delay.Store(int64(patience + time.Second))
			time.Sleep(between(r, time.Second, 3*time.Second))
			p.delay.Store(0)
		}},
		{"a worker gone between COMMIT and the removal from the queue", func(w *world, r *rand.Rand) {
			w.sabotage(between(r, time.Second, 2*time.Second))
		}},
	}
}

// jump makes a server's clock wrong by hours, several times and not always to
// the same side, and leaves it wrong until the next time as often as not.
func jump(c *clock, r *rand.Rand) {
	for range 1 + r.IntN(3) {
		c.shift(between(r, -12*time.Hour, 12*time.Hour))
		time.Sleep(between(r, 0, time.Second))
	}
	if r.IntN(2) == 0 {
		c.shift(0)
	}
}

// cut breaks a connection in so many pieces that go through, or none with 0.
func (w *world) cut(one int64) {
	for _, p := range w.senders.proxies {
		p.cutting.Store(one)
	}
}

// sabotage runs one more worker, whose deliveries are committed and never
// removed from the queue: what a crash at the worst moment leaves behind.
func (w *world) sabotage(d time.Duration) {
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	events, err := postgres.Open(ctx, postgres.Options{URL: w.postgres.URL(), Writers: 1, MaxConns: 1})
	if err != nil {
		w.t.Logf("no saboteur this time: %v", err)
		return
	}
	defer func() { _ = events.Close() }()
	lossy := &forgetful{Queue: w.queue}
	queue.NewWorker(lossy, "saboteur-"+uuid.NewString(), events, queue.WorkerOptions{Wait: 100 * time.Millisecond}).Run(ctx)
	w.sabotaged += lossy.forgot
}

// forgetful is a queue whose consumer never says what is done.
type forgetful struct {
	queue.Queue

	forgot int
}

type forgetfulConsumer struct {
	queue.Consumer

	queue *forgetful
}

var errForgot = errors.New("crashed before the queue heard of it")

func (q *forgetful) Consumer(name string) queue.Consumer {
	return &forgetfulConsumer{Consumer: q.Queue.Consumer(name), queue: q}
}

func (c *forgetfulConsumer) Acknowledge(_ context.Context, messages []queue.Message) error {
	for _, m := range messages {
		c.queue.forgot += len(m.Events)
	}
	return errForgot
}
