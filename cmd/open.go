package cmd

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// defaultSQLite is the file in the current folder that database.url names when
// it is empty.
const defaultSQLite = "eventagg.db"

// database is what database.url stands for.
type database struct {
	// path is SQLite's file; empty where it is PostgreSQL.
	path string
	// url is PostgreSQL's, as given, with its password.
	url string
	// pooled says that the URL leads to a pooler in transaction mode.
	pooled bool
}

// connectTimeout is how many seconds a connection to PostgreSQL may take. An
// address where nothing answers is found out soon rather than in minutes.
const connectTimeout = "10"

// newDatabase reads a section that has been validated.
func newDatabase(c config.Database) database {
	path, isSQLite := strings.CutPrefix(c.URL, "sqlite:")
	switch {
	case c.URL == "":
		return database{path: defaultSQLite}
	case isSQLite:
		// Two or three slashes, as in URLs, are common before a path.
		return database{path: strings.TrimPrefix(path, "//")}
	default:
		return database{url: c.URL, pooled: c.Pooler == "transaction"}
	}
}

// connection returns the URL to connect with: as given, with a timeout where it
// has none of its own. SQLite has no URL.
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

// String names the database for people, without a password.
func (d database) String() string {
	if d.path != "" {
		return d.path + " (SQLite)"
	}
	return config.Redact(d.url) + " (PostgreSQL)"
}

// system is what OpenTelemetry's semantic conventions call the database.
func (d database) system() string {
	if d.path != "" {
		return "sqlite"
	}
	return "postgresql"
}

// migrate brings the tables up to date and returns how many steps that took.
func (d database) migrate(ctx context.Context) (int, error) {
	if d.path != "" {
		applied, err := sqlite.Migrate(ctx, d.path)
		return applied, d.explain(err)
	}
	applied, err := postgres.Migrate(ctx, postgres.Options{URL: d.connection(), Pooled: d.pooled})
	return applied, d.explain(err)
}

// open opens the store, whose tables must be up to date.
func (d database) open(ctx context.Context, c config.Config, log *slog.Logger) (store.Store, error) {
	if d.path != "" {
		opened, err := sqlite.Open(ctx, sqlite.Options{Path: d.path, Logger: log})
		if err != nil {
			return nil, d.explain(err)
		}
		return opened, nil
	}
	opened, err := postgres.Open(ctx, postgres.Options{
		URL: d.connection(), MaxConns: c.Database.MaxConns, Writers: c.Ingest.Writers + workersOf(c), Pooled: d.pooled,
	})
	if err != nil {
		return nil, d.explain(err)
	}
	return opened, nil
}

// slowOpening is when somebody who looks at the log should hear what is going on.
const slowOpening = 5 * time.Second

// tellIfSlow logs, unless ready is called before, that opening takes its time: it
// has no limit, since a migration of many rows, or of another instance, has none.
func (d database) tellIfSlow(log *slog.Logger) (ready func()) {
	told := time.AfterFunc(slowOpening, func() {
		log.Warn("opening the database takes long; it waits for a migration, or for a table that somebody has locked",
			slog.String("database", d.String()))
	})
	return func() { told.Stop() }
}

// explain adds to an error of the database which one it was, and what the
// reader can do about it where the error itself doesn't say.
func (d database) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case d.path != "":
		return withHint(err, "The database is %s; --database-url sqlite:PATH names another.", d.path)
	default:
		return withHint(err, "The database is %s; --database-url names another.", config.Redact(d.url))
	}
}
