package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
)

// ways are where a published event can go; see the fields of the same names in
// [server.Options].
type ways struct {
	appender, direct, async store.Appender
	queue                   server.Queue
	// gates are the states of the gates, by what lies behind them.
	gates map[string]func() error
}

// openWays opens what lies between the server and the store. Without a broker
// that is the group commit alone. With one:
//
//	        ┌─▶ gate ─▶ ingest ─▶ store ◀─ workers ◀─┐
//	server ─┤                                        │
//	        └─▶ gate ─▶ ingest ─▶ broker ────────────┘
//
// broker.ack says which of the two the server prefers; it turns to the other
// where the first has surely taken nothing.
func (s *service) openWays(ctx context.Context, c config.Config, events store.Store, log *slog.Logger) (ways, error) {
	if c.Broker.URL == "" {
		direct := s.openIngest("database", events, c.Ingest, 0, log)
		// There is no other way to turn to, so nothing goes through this gate. It
		// is there for the log: nobody may send anything for hours.
		s.openGate(ctx, "database", direct, events.Ping, log)
		return ways{appender: direct}, nil
	}
	waiting, err := openBroker(ctx, c.Broker, log)
	if err != nil {
		return ways{}, err
	}
	s.open.push("broker", func(context.Context) error { return waiting.Close() })
	if c.Broker.Role == "worker" {
		database := s.openGate(ctx, "database", events, events.Ping, log)
		s.openWorkers(ctx, c, waiting, events, database, log)
		return ways{queue: waiting, gates: map[string]func() error{"database": database.State}}, nil
	}
	direct := s.openIngest("database", events, c.Ingest, spillAfter, log)
	database := s.openGate(ctx, "database", direct, events.Ping, log)
	s.openWorkers(ctx, c, waiting, events, database, log)
	behind := c.Ingest
	behind.Writers, behind.MaxPendingBytes = 1, c.Ingest.MaxPendingBytes/queueShare // Redis writes in one thread
	queued := s.openGate(ctx, "queue", s.openIngest("queue", waiting, behind, 0, log), waiting.Ping, log)
	w := newWays(c.Broker.Ack, database, queued, log)
	w.direct, w.queue = direct, waiting
	w.gates = map[string]func() error{"database": database.State, "queue": queued.State}
	return w, nil
}

// queueShare is which part of the memory for waiting events those that wait for
// the queue may take as well.
const queueShare = 4

// newWays puts the two appenders into their order of preference.
func newWays(ack string, database, queued store.Appender, log *slog.Logger) ways {
	durable := failover.NewFallback(database, queued, failover.FallbackOptions{From: "database", To: "queue", Logger: log})
	async := failover.NewFallback(queued, database, failover.FallbackOptions{From: "queue", To: "database", Logger: log})
	w := ways{appender: durable, async: async}
	if ack == "queued" {
		w.appender = async
	}
	return w
}

// spillAfter is how long an event may have to wait for the database until it
// is better off in the queue, which answers in milliseconds.
const spillAfter = time.Second

// openIngest opens the group commit on the way to a database or broker.
func (s *service) openIngest(way string, next store.Appender, c config.Ingest, maxDelay time.Duration, log *slog.Logger) *ingest.Appender {
	options := ingestOptions(c, log.With(slog.String("way", way)))
	options.MaxDelay, options.Tracer, options.OnFlush = maxDelay, s.tracer, s.metrics.FlushRecorder(way)
	appender := ingest.New(next, options)
	s.metrics.WatchPending(way, appender.Pending)
	s.open.push(way+"'s ingest", func(ctx context.Context) error {
		// A client that outlasts the server's grace must not cost others the
		// time in which their events are stored.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.FlushTimeout)
		defer cancel()
		return appender.Close(ctx)
	})
	return appender
}

func (s *service) openGate(ctx context.Context, name string, next store.Appender, ping func(context.Context) error, log *slog.Logger) *failover.CircuitBreaker {
	gate := failover.NewCircuitBreaker(ctx, name, next, ping, failover.CircuitBreakerOptions{Logger: log})
	s.open.push(name+"'s gate", func(context.Context) error {
		gate.Close()
		return nil
	})
	return gate
}

// openWorkers starts the workers and sees to it that they end before what they
// work with.
func (s *service) openWorkers(ctx context.Context, c config.Config, waiting queue.Queue, events store.Receiver, database *failover.CircuitBreaker, log *slog.Logger) {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	name := instanceName()
	ready := func() bool { return database.State() == nil }
	for i := range workersOf(c) {
		worker := queue.NewWorker(waiting, name+"-"+strconv.Itoa(i+1), events, queue.WorkerOptions{
			AppendTimeout: c.Ingest.FlushTimeout, Ready: ready, Logger: log,
			OnReceived: s.metrics.RecordReceived, OnDeadLetter: s.metrics.RecordDeadLetters,
		})
		workers.Go(func() { worker.Run(working) })
	}
	s.open.push("workers", func(context.Context) error {
		stop()
		workers.Wait()
		return nil
	})
}

// workersOf is how many workers an instance has.
func workersOf(c config.Config) int {
	if c.Broker.URL == "" || c.Broker.Role == "api" {
		return 0
	}
	return c.Broker.Workers
}

// instanceName names this process among all that share a broker, now and later.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "-" + uuid.NewString()[:8]
}

// openBroker opens the queue that broker.url names.
func openBroker(ctx context.Context, c config.Broker, log *slog.Logger) (queue.Queue, error) {
	queue, err := redis.Open(ctx, redis.Options{
		URL: c.URL, Prefix: c.Prefix, Streams: c.Streams, MaxEvents: c.MaxEvents, MaxBytes: c.MaxBytes,
		AllowWeak: c.AllowWeakDurability, Logger: log,
	})
	if err != nil {
		return nil, withHint(fmt.Errorf("opening the broker: %w", err), "The broker is %s; --broker-url names another.", config.Redact(c.URL))
	}
	return queue, nil
}
