package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/duplicates/policy"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/retention"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// defaultSQLite is the file in the current folder if database.url is empty.
const defaultSQLite = "eventagg.db"

// database is the parsed database.url.
type database struct {
	// path is the file of SQLite; empty for PostgreSQL.
	path string
	// url is the URL of PostgreSQL as given, with its password.
	url string
	// schema is the schema of PostgreSQL's tables; empty for the one that has them.
	schema string
	// pooled is set if the URL is that of a pooler in transaction mode.
	pooled bool
}

// connectTimeout is the maximum number of seconds to connect to PostgreSQL. Without
// it, an address that never responds fails only after minutes.
const connectTimeout = "10"

// newDatabase parses a validated section.
func newDatabase(c config.Database) database {
	path, isSQLite := strings.CutPrefix(c.URL, "sqlite:")
	switch {
	case c.URL == "":
		return database{path: defaultSQLite}
	case isSQLite:
		// People often write two or three slashes, as in URLs.
		return database{path: strings.TrimPrefix(path, "//")}
	default:
		return database{url: c.URL, schema: c.Schema, pooled: c.Pooler == "transaction"}
	}
}

// connection returns the URL to connect with: as given, and with a timeout if it has
// none. SQLite has no URL.
func (d database) connection() string {
	if d.path != "" {
		return ""
	}
	parsed, err := url.Parse(d.url)
	if err != nil || parsed.Query().Has("connect_timeout") {
		return d.url
	}
	query := parsed.Query()
	query.Set("connect_timeout", connectTimeout)
	parsed.RawQuery = query.Encode()
	return parsed.String()
}

// String returns the name of the database without a password.
func (d database) String() string {
	if d.path != "" {
		return d.path + " (SQLite)"
	}
	return config.Redact(d.url) + " (PostgreSQL)"
}

// system returns the name of the database in OpenTelemetry's semantic conventions.
func (d database) system() string {
	if d.path != "" {
		return "sqlite"
	}
	return "postgresql"
}

// migrate creates or updates the tables and returns the number of migrations applied.
func (d database) migrate(ctx context.Context) (int, error) {
	if d.path != "" {
		applied, err := sqlite.Migrate(ctx, d.path)
		return applied, d.explain(err)
	}
	applied, err := postgres.Migrate(ctx, d.options())
	return applied, d.explain(err)
}

// options are the options of PostgreSQL to connect with.
func (d database) options() postgres.Options {
	return postgres.Options{URL: d.connection(), Schema: d.schema, Pooled: d.pooled}
}

// open opens the store, whose tables must be up to date.
func (d database) open(ctx context.Context, c config.Config, log *slog.Logger) (store.Store, error) {
	if d.path != "" {
		opened, err := sqlite.Open(ctx, sqlite.Options{Path: d.path, Logger: log, Duplicates: duplicatesOf(c.Duplicates)})
		if err != nil {
			return nil, d.explain(err)
		}
		return opened, nil
	}
	opened, err := postgres.Open(ctx, postgres.Options{
		URL: d.connection(), Schema: d.schema, MaxConns: c.Database.MaxConns, Writers: c.Ingest.Writers + workersOf(c), Pooled: d.pooled,
		Duplicates: duplicatesOf(c.Duplicates), PartitionWidth: retention.PartitionWidth(c.Retention.MaxAge),
	})
	if err != nil {
		return nil, d.explain(err)
	}
	return opened, nil
}

// duplicatesOf returns the options of the reports of duplicates.
func duplicatesOf(c config.Duplicates) duplicates.Options {
	return duplicates.Options{PerTopic: c.Reports, Total: c.TotalReports, Ignored: policiesOf(c).Ignored}
}

// policiesOf returns the policies of duplicates.
func policiesOf(c config.Duplicates) policy.Policies {
	policies, _ := policy.Parse(c.Policy.Items()) // was validated
	return policies
}

// openDatabase migrates and opens the database. With a queue it succeeds while the
// database is unavailable: the store that it returns becomes available later, and
// events go to the queue until then.
func (s *service) openDatabase(ctx context.Context, opts serveOptions, log *slog.Logger) (store.Store, error) {
	open := func(ctx context.Context) (store.Store, error) {
		defer s.database.logIfSlow(log)()
		if opts.config.Database.Migrate {
			if _, err := s.database.migrate(ctx); err != nil {
				return nil, fmt.Errorf("migrate the database: %w", err)
			}
		}
		opened, err := s.database.open(ctx, opts.config, log)
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		return opened, nil
	}
	if opts.config.Broker.URL == "" {
		return open(ctx)
	}
	log = log.With(slog.String("database", s.database.String()))
	return failover.NewLateStore(ctx, open, failover.LateStoreOptions{Logger: log}), nil
}

// slowOpening is the time after which opening the database is logged as slow.
const slowOpening = 5 * time.Second

// logIfSlow logs that opening is slow, unless ready is called before. Opening has no
// timeout, because a migration of many rows, or by another instance, has none.
func (d database) logIfSlow(log *slog.Logger) (ready func()) {
	timer := time.AfterFunc(slowOpening, func() {
		log.Warn("opening the database is slow; it may wait for a migration, or for a locked table",
			slog.String("database", d.String()))
	})
	return func() { timer.Stop() }
}

// explain adds to an error which database it was, and how to use another one.
func (d database) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case d.path != "":
		return withHint(err, "The database is %s; use --database-url sqlite:PATH for another.", d.path)
	default:
		return withHint(err, "The database is %s; use --database-url for another.", config.Redact(d.url))
	}
}
