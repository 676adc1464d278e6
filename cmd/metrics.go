package cmd

import (
	"context"
	"log/slog"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// onRequest is [server.Options].OnRequest.
func (s *service) onRequest(r server.Request) {
	s.metrics.RecordRequest(r.Route, r.Method, r.Code, r.Took, r.Stream)
}

// onEvents is [server.Options].OnEvents.
func (s *service) onEvents(key string, t event.Tally) {
	s.metrics.RecordEvents(t)
	if key != "" {
		s.metrics.RecordKeyEvents(key, t)
	}
}

// watch makes the metrics read the state of what is open at each scrape.
func (s *service) watch(events store.Store, routes routes) {
	s.metrics.WatchStore(s.server.CheckStore)
	s.metrics.WatchTopics(events)
	s.metrics.WatchReports(func() int64 { return unreported(events) })
	s.metrics.WatchFollowers(s.server.Followers)
	s.metrics.WatchConnections(s.server.Connections)
	if s.keys != nil {
		s.metrics.WatchKeys(s.keys.count)
	}
	if s.certificates != nil {
		s.metrics.WatchCertificate(s.certificates.NotAfter)
	}
	if routes.queue != nil {
		s.metrics.WatchQueue(s.server.CheckQueue, routes.queue.Size)
		s.metrics.WatchCircuits(routes.circuits)
	}
	if s.database.path == "" {
		s.metrics.WatchPools(func() []metrics.Pool { return poolsOf(events) })
	} else {
		s.metrics.WatchWAL(func() (int64, error) { return walBytes(events) })
	}
}

// openedStore returns the store itself, also if it was opened later than the server,
// and nil as long as it is not open.
func openedStore(events store.Store) store.Store {
	if late, ok := events.(*failover.LateStore); ok {
		return late.Opened()
	}
	return events
}

// unreported returns the number of duplicates without a report, 0 if the store is not open.
func unreported(events store.Store) int64 {
	opened, ok := openedStore(events).(interface{ UnreportedDuplicates() int64 })
	if !ok {
		return 0
	}
	return opened.UnreportedDuplicates()
}

// walBytes returns the size of SQLite's write-ahead log, 0 if the file is not open.
func walBytes(events store.Store) (int64, error) {
	opened, ok := openedStore(events).(*sqlite.Store)
	if !ok {
		return 0, nil
	}
	return opened.WALBytes()
}

// poolsOf returns the use of a store's connections, if it is open.
func poolsOf(events store.Store) []metrics.Pool {
	opened, ok := openedStore(events).(*postgres.Store)
	if !ok {
		return nil
	}
	stats := opened.Pools()
	pools := make([]metrics.Pool, len(stats))
	for i, stat := range stats {
		pools[i] = metrics.Pool(stat)
	}
	return pools
}

// openSummary prepares the summary in the log; the returned function starts it. It
// is closed after everything that processes events, so that its last record has all.
func (s *service) openSummary(ctx context.Context, log *slog.Logger) (start func(queue server.Queue)) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	s.open.push("summary", func(context.Context) error {
		stop()
		done.Wait()
		return nil
	})
	return func(queue server.Queue) {
		options := metrics.SummaryOptions{Logger: log}
		if queue != nil {
			options.Queue = queue.Size
		}
		done.Go(func() { s.metrics.Summarize(running, options) })
	}
}
