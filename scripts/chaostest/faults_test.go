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

// fault breaks something and repairs it.
type fault struct {
	name   string
	inject func(w *environment, r *rand.Rand)
}

// between returns a random duration.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

func faults() []fault {
	return []fault{
		{"kill -9 of an instance", func(w *environment, r *rand.Rand) {
			i := w.instances[r.IntN(len(w.instances))]
			i.end(syscall.SIGKILL)
			time.Sleep(between(r, 0, time.Second))
			i.ensureRunning()
		}},
		{"rolling restart by SIGTERM", func(w *environment, _ *rand.Rand) {
			for _, i := range w.instances {
				i.ensureRunning() // another fault may have ended it
				if code := i.end(syscall.SIGTERM); code != 0 {
					w.t.Errorf("SIGTERM: exit code %d", code)
				}
				i.ensureRunning()
			}
		}},
		{"crash of PostgreSQL", func(w *environment, r *rand.Rand) {
			w.postgres.Stop(testdb.Immediate)
			time.Sleep(between(r, 0, 3*time.Second))
			w.postgres.Start()
		}},
		{"PostgreSQL frozen", func(w *environment, r *rand.Rand) {
			w.postgres.Pause()
			time.Sleep(between(r, time.Second, 4*time.Second))
			w.postgres.Resume()
		}},
		{"kill -9 of Redis", func(w *environment, r *rand.Rand) {
			w.redis.Stop(testdb.Immediate)
			time.Sleep(between(r, 0, 2*time.Second))
			w.redis.Start()
		}},
		{"Redis frozen", func(w *environment, r *rand.Rand) {
			w.redis.Pause()
			time.Sleep(between(r, time.Second, 3*time.Second))
			w.redis.Resume()
		}},
		{"crash of PostgreSQL and Redis", func(w *environment, r *rand.Rand) {
			w.postgres.Stop(testdb.Immediate)
			w.redis.Stop(testdb.Immediate)
			time.Sleep(between(r, 0, time.Second))
			w.redis.Start()
			time.Sleep(between(r, 0, time.Second))
			w.postgres.Start()
		}},
		{"the clock of PostgreSQL jumps", func(w *environment, r *rand.Rand) { jump(w.clocks[w.postgres], r) }},
		{"the clock of Redis jumps", func(w *environment, r *rand.Rand) { jump(w.clocks[w.redis], r) }},
		{"connections cut in requests and responses", func(w *environment, r *rand.Rand) {
			w.cut(20)
			time.Sleep(between(r, time.Second, 3*time.Second))
			w.cut(0)
		}},
		{"responses after the sender's timeout", func(w *environment, r *rand.Rand) {
			p := w.senders.proxies[r.IntN(len(w.senders.proxies))]
			p.delay.Store(int64(requestTimeout + time.Second))
			time.Sleep(between(r, time.Second, 3*time.Second))
			p.delay.Store(0)
		}},
		{"crash of a worker between COMMIT and acknowledgement", func(w *environment, r *rand.Rand) {
			w.crashAfterCommit(between(r, time.Second, 2*time.Second))
		}},
	}
}

// jump shifts a server's clock by hours, several times and in both directions. Every
// second time the clock stays wrong.
func jump(c *clock, r *rand.Rand) {
	for range 1 + r.IntN(3) {
		c.shift(between(r, -12*time.Hour, 12*time.Hour))
		time.Sleep(between(r, 0, time.Second))
	}
	if r.IntN(2) == 0 {
		c.shift(0)
	}
}

// cut lets one of so many pieces break its connection; 0 means none.
func (w *environment) cut(one int64) {
	for _, p := range w.senders.proxies {
		p.cutting.Store(one)
	}
}

// crashAfterCommit runs another worker, which stores deliveries and crashes before it
// acknowledges them.
func (w *environment) crashAfterCommit(d time.Duration) {
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	events, err := postgres.Open(ctx, postgres.Options{URL: w.postgres.URL(), Writers: 1, MaxConns: 1})
	if err != nil {
		w.t.Logf("no crash of a worker this time: %v", err)
		return
	}
	defer func() { _ = events.Close() }()
	crashing := &noAckQueue{Queue: w.queue}
	queue.NewWorker(crashing, "crashes-"+uuid.NewString(), events, queue.WorkerOptions{Wait: 100 * time.Millisecond}).Run(ctx)
	w.redelivered += crashing.events
}

// noAckQueue is a queue whose consumers never acknowledge.
type noAckQueue struct {
	queue.Queue

	events int
}

type noAckConsumer struct {
	queue.Consumer

	queue *noAckQueue
}

var errCrashed = errors.New("crashed before the acknowledgement")

func (q *noAckQueue) Consumer(name string) queue.Consumer {
	return &noAckConsumer{Consumer: q.Queue.Consumer(name), queue: q}
}

func (c *noAckConsumer) Acknowledge(_ context.Context, messages []queue.Message) error {
	for _, m := range messages {
		c.queue.events += len(m.Events)
	}
	return errCrashed
}

// Leave does nothing: a crashed worker releases nothing.
func (c *noAckConsumer) Leave(context.Context) error { return nil }
