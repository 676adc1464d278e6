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
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/topiclimit"
)

// The targets of events, as metrics and logs name them.
const (
	targetDatabase = "database"
	targetQueue    = "queue"
)

// routes are the routes of a published event; see the fields of the same names in
// [server.Options].
type routes struct {
	appender, direct, async store.Appender
	queue                   server.Queue
	// topicsRefused is nil without a limit of topics.
	topicsRefused func(context.Context, []event.Event) map[string]bool
	// circuits are the states of the circuit breakers, by target.
	circuits map[string]func() error
}

// openRoutes opens what lies between the server and the store. Without a queue that
// is the group commit alone. With a queue:
//
//	        ┌─▶ circuit breaker ─▶ ingest ─▶ store ◀─ workers ◀─┐
//	server ─┤                                                   │
//	        └─▶ circuit breaker ─▶ ingest ─▶ queue ─────────────┘
//
// broker.ack chooses the preferred route. The server uses the other one if the
// preferred one has certainly stored nothing.
func (s *service) openRoutes(ctx context.Context, c config.Config, events store.Store, log *slog.Logger) (routes, error) {
	if c.Broker.URL == "" {
		direct := s.openIngest(targetDatabase, events, c.Ingest, 0, log)
		// No events go through this circuit breaker, because there is no other route.
		// It logs outages, also when no events arrive for hours.
		s.openCircuitBreaker(ctx, targetDatabase, direct, events.Ping, log)
		return routes{appender: direct}, nil
	}
	q, err := openQueue(ctx, c.Broker, log)
	if err != nil {
		return routes{}, err
	}
	s.open.push("queue", func(context.Context) error { return q.Close() })
	if c.Broker.Role == "worker" {
		database := s.openCircuitBreaker(ctx, targetDatabase, events, events.Ping, log)
		s.openWorkers(ctx, c, q, events, database, log)
		return routes{queue: q, circuits: map[string]func() error{targetDatabase: database.State}}, nil
	}
	direct := s.openIngest(targetDatabase, events, c.Ingest, spillAfter, log)
	database := s.openCircuitBreaker(ctx, targetDatabase, direct, events.Ping, log)
	s.openWorkers(ctx, c, q, events, database, log)
	forQueue := c.Ingest
	forQueue.Writers, forQueue.MaxPendingBytes = 1, c.Ingest.MaxPendingBytes/queueMemoryDivisor // Redis writes with one thread
	queued := s.openCircuitBreaker(ctx, targetQueue, s.openIngest(targetQueue, q, forQueue, 0, log), q.Ping, log)
	r := newRoutes(c.Broker.Ack, database, queued, log)
	r.direct, r.queue = direct, q
	r.circuits = map[string]func() error{targetDatabase: database.State, targetQueue: queued.State}
	return r, nil
}

// limitTopics makes every route refuse events that would begin a topic above the
// maximum. 0 is no limit.
func (r *routes) limitTopics(maximum int64, events store.Store, log *slog.Logger) {
	if maximum == 0 {
		return
	}
	limiter := topiclimit.New(topiclimit.Options{Max: maximum, Store: events, Logger: log})
	r.topicsRefused = limiter.Refused
	for _, route := range []*store.Appender{&r.appender, &r.direct, &r.async} {
		if *route != nil {
			*route = limiter.Appender(*route)
		}
	}
}

// queueMemoryDivisor divides the memory for events that wait for the database; the
// result is the memory for events that wait for the queue, in addition.
const queueMemoryDivisor = 4

// newRoutes puts the two appenders into the order that broker.ack asks for.
func newRoutes(ack string, database, queued store.Appender, log *slog.Logger) routes {
	durable := failover.NewFallback(database, queued, failover.FallbackOptions{From: targetDatabase, To: targetQueue, Logger: log})
	async := failover.NewFallback(queued, database, failover.FallbackOptions{From: targetQueue, To: targetDatabase, Logger: log})
	r := routes{appender: durable, async: async}
	if ack == "queued" {
		r.appender = async
	}
	return r
}

// spillAfter is the maximum time that an event waits for the database before it
// goes to the queue, which responds within milliseconds.
const spillAfter = time.Second

// openIngest opens the group commit in front of a target.
func (s *service) openIngest(target string, next store.Appender, c config.Ingest, maxDelay time.Duration, log *slog.Logger) *ingest.Appender {
	options := ingestOptions(c, log)
	options.Dependency, options.MaxDelay, options.Tracer, options.OnFlush = target, maxDelay, s.tracer, s.metrics.FlushRecorder(target)
	appender := ingest.New(next, options)
	s.metrics.WatchPending(target, appender.Pending)
	s.open.push("group commit of the "+target, func(ctx context.Context) error {
		// A client that is slower than the shutdown timeout must not take the time in
		// which the events of others are stored.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.FlushTimeout)
		defer cancel()
		return appender.Close(ctx)
	})
	return appender
}

func (s *service) openCircuitBreaker(ctx context.Context, target string, next store.Appender, ping func(context.Context) error, log *slog.Logger) *failover.CircuitBreaker {
	breaker := failover.NewCircuitBreaker(ctx, target, next, ping, failover.CircuitBreakerOptions{Logger: log})
	s.open.push("circuit breaker of the "+target, func(context.Context) error {
		breaker.Close()
		return nil
	})
	return breaker
}

// openWorkers starts the workers. They end before the queue and store are closed.
func (s *service) openWorkers(ctx context.Context, c config.Config, q queue.Queue, events store.Receiver, database *failover.CircuitBreaker, log *slog.Logger) {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	name := instanceName()
	ready := func() bool { return database.State() == nil }
	for i := range workersOf(c) {
		worker := queue.NewWorker(q, name+"-"+strconv.Itoa(i+1), events, queue.WorkerOptions{
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

// workersOf returns the number of workers of an instance.
func workersOf(c config.Config) int {
	if c.Broker.URL == "" || c.Broker.Role == "api" {
		return 0
	}
	return c.Broker.Workers
}

// instanceName returns a name for this process that no other one that uses the
// queue has, now or later.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "-" + uuid.NewString()[:8]
}

// openQueue opens the queue at broker.url.
func openQueue(ctx context.Context, c config.Broker, log *slog.Logger) (queue.Queue, error) {
	q, err := redis.Open(ctx, queueOptionsOf(c, log))
	if err != nil {
		return nil, withHint(fmt.Errorf("open the queue: %w", err), "The queue is %s; use --broker-url for another.", config.Redact(c.URL))
	}
	return q, nil
}

// queueOptionsOf returns the options of the queue.
func queueOptionsOf(c config.Broker, log *slog.Logger) redis.Options {
	return redis.Options{
		URL: c.URL, Prefix: c.Prefix, Streams: c.Streams, MaxEvents: c.MaxEvents, MaxBytes: c.MaxBytes,
		MinReplicas: c.MinReplicas, AllowWeak: c.AllowWeakDurability, Logger: log,
	}
}
