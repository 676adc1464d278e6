package cmd

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store/postgres"
)

// Each package has defaults for programs that use it without a configuration. They
// must be those of the configuration.
func TestDefaults_OfPackagesAreThoseOfConfiguration(t *testing.T) {
	t.Parallel()
	c := config.Default()
	http, group := server.Options{}.WithDefaults(), ingest.Options{}.WithDefaults()
	store, broker, worker := postgres.Options{}.WithDefaults(), redis.Options{}.WithDefaults(), queue.WorkerOptions{}.WithDefaults()
	for key, values := range map[string][2]any{
		"http.max_body_bytes":           {c.HTTP.MaxBodyBytes, http.MaxBodyBytes},
		"http.max_event_bytes":          {c.HTTP.MaxEventBytes, http.MaxEventBytes},
		"http.max_batch_events":         {c.HTTP.MaxBatchEvents, http.MaxBatchEvents},
		"http.max_buffered_bytes":       {c.HTTP.MaxBufferedBytes, http.MaxBufferedBytes},
		"http.max_read_bytes":           {c.HTTP.MaxReadBytes, http.MaxReadBytes},
		"http.max_followers":            {c.HTTP.MaxFollowers, http.MaxFollowers},
		"http.max_followers_per_client": {c.HTTP.MaxFollowersPerClient, http.MaxFollowersPerClient},
		"http.max_connections":          {c.HTTP.MaxConnections, http.MaxConnections},
		"http.read_header_timeout":      {c.HTTP.ReadHeaderTimeout, http.ReadHeaderTimeout},
		"http.read_timeout":             {c.HTTP.ReadTimeout, http.ReadTimeout},
		"http.idle_timeout":             {c.HTTP.IdleTimeout, http.IdleTimeout},
		"http, WriteTimeout":            {responseTimeout(c), http.WriteTimeout},
		"ingest.writers":                {c.Ingest.Writers, group.Writers},
		"ingest.max_batch":              {c.Ingest.MaxBatch, group.MaxBatch},
		"ingest.max_pending":            {c.Ingest.MaxPending, group.MaxPending},
		"ingest.max_pending_bytes":      {c.Ingest.MaxPendingBytes, group.MaxPendingBytes},
		"ingest.flush_timeout":          {c.Ingest.FlushTimeout, group.FlushTimeout},
		"ingest, of workers":            {c.Ingest.FlushTimeout, worker.AppendTimeout},
		"database.max_conns":            {c.Database.MaxConns, store.MaxConns},
		"database, writers":             {c.Ingest.Writers, store.Writers},
		"duplicates.reports":            {c.Duplicates.Reports, store.Duplicates.PerTopic},
		"duplicates.total_reports":      {c.Duplicates.TotalReports, store.Duplicates.Total},
		"broker.prefix":                 {c.Broker.Prefix, broker.Prefix},
		"broker.streams":                {c.Broker.Streams, broker.Streams},
		"broker.max_events":             {c.Broker.MaxEvents, broker.MaxEvents},
		"broker.max_bytes":              {c.Broker.MaxBytes, broker.MaxBytes},
	} {
		if values[0] != values[1] {
			t.Errorf("%s is %v in the configuration and %v in the package", key, values[0], values[1])
		}
	}
}
