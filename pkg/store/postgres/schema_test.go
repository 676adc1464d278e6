package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// again appends an event that the database has, and returns the outcome. Without the
// old tables it would be stored a second time.
func again(t *testing.T, options Options, events []event.Event) event.Outcome {
	t.Helper()
	if _, err := Migrate(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	outcomes, err := s.Append(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes[0]
}

// TestSchema_IsFoundWhateverTheSearchPath changes between two starts what a name
// without a schema would mean.
func TestSchema_IsFoundWhateverTheSearchPath(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(role, database string) []string{
		"a schema of the role's name": func(role, _ string) []string { return []string{"CREATE SCHEMA AUTHORIZATION " + role} },
		"the search path of the role": func(role, _ string) []string {
			return []string{"CREATE SCHEMA other", "ALTER ROLE " + role + " SET search_path = other, public"}
		},
		"the search path of the database": func(_, database string) []string {
			return []string{"CREATE SCHEMA other", "ALTER DATABASE " + database + " SET search_path = other"}
		},
		"a search path without a schema": func(role, _ string) []string { return []string{"ALTER ROLE " + role + " SET search_path = missing"} },
		"tables of the same names": func(role, _ string) []string {
			return []string{"CREATE SCHEMA other", "CREATE TABLE other.events (LIKE events)", "ALTER ROLE " + role + " SET search_path = other, public"}
		},
		"another role by default": func(role, _ string) []string {
			return []string{"CREATE ROLE " + role + "_group", "GRANT " + role + "_group TO " + role, "CREATE SCHEMA AUTHORIZATION " + role + "_group",
				"GRANT ALL ON ALL TABLES IN SCHEMA public TO " + role + "_group", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO " + role + "_group",
				"ALTER ROLE " + role + " SET role = " + role + "_group"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := testdb.Postgres(t)
			parsed, err := url.Parse(owner)
			if err != nil {
				t.Fatal(err)
			}
			role := fmt.Sprintf("app_%d", time.Now().UnixNano())
			execAt(t, owner, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'", "GRANT ALL ON SCHEMA public TO "+role,
				"GRANT CREATE ON DATABASE \""+strings.TrimPrefix(parsed.Path, "/")+"\" TO "+role)
			options := Options{URL: changed(t, owner, func(u *url.URL) { u.User = url.UserPassword(role, "secret") })}
			events := someEvents("a", 1)
			if got := again(t, options, events); got != event.Stored {
				t.Fatalf("the first append: %v", got)
			}
			execAt(t, owner, change(role, "\""+strings.TrimPrefix(parsed.Path, "/")+"\"")...)
			if got := again(t, options, events); got != event.Duplicate {
				t.Errorf("after the change the same event is %v", got)
			}
		})
	}
}

func TestSchema_TemporaryTablesDoNotShadow(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Writers: 1})
	if _, err := s.writers.Exec(t.Context(), "CREATE TEMPORARY TABLE events (LIKE public.events INCLUDING ALL)"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), someEvents("a", 3)); err != nil {
		t.Fatal(err)
	}
	var stored int
	if err := s.readers.QueryRow(t.Context(), "SELECT count(*) FROM public.events").Scan(&stored); err != nil || stored != 3 {
		t.Errorf("%d events are in the table, %v", stored, err)
	}
}

func TestSchema_IsCreatedAndUsed(t *testing.T) {
	t.Parallel()
	address := testdb.Postgres(t)
	one, two := Options{URL: address, Schema: "one"}, Options{URL: address, Schema: "two"}
	events := someEvents("a", 1)
	for _, options := range []Options{one, two} { // two sets, each named
		if got := again(t, options, events); got != event.Stored {
			t.Errorf("%s: the first append: %v", options.Schema, got)
		}
		if got := again(t, options, events); got != event.Duplicate {
			t.Errorf("%s: the second append: %v", options.Schema, got)
		}
	}
	topics, err := open(t, two).TopicStats(t.Context(), store.TopicQuery{}) // no search path leads to the schema
	if err != nil || len(topics) != 1 || topics[0].Stored != 1 || topics[0].Duplicates != 1 {
		t.Errorf("topics: %v, %v", topics, err)
	}
	for name, call := range map[string]func() error{
		"migrate": func() error { _, err := Migrate(t.Context(), Options{URL: address}); return err },
		"open":    func() error { _, err := Open(t.Context(), Options{URL: address}); return err },
	} {
		if err := call(); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "the schemas one, two all have tables of eventagg") {
			t.Errorf("%s without a schema: %v", name, err)
		}
	}
}

// TestSchema_RefusesOtherStates has states of a database that no migration leaves
// behind. Migrate and Open both name the cause, and neither makes a table.
func TestSchema_RefusesOtherStates(t *testing.T) {
	t.Parallel()
	const unrecorded = "has tables of eventagg, but no eventagg_migrations that records their version; restore that table"
	for name, row := range map[string]struct {
		change []string
		schema string // in the options
		want   string
	}{
		"a newer version":         {[]string{"INSERT INTO eventagg_migrations (version_id, is_applied) VALUES (99, true)"}, "", "a newer version of eventagg has migrated the tables in schema public (step 99"},
		"tables that are missing": {[]string{"DROP TABLE events CASCADE"}, "", "tables of eventagg are missing in schema public, although eventagg_migrations records them: events; restore"},
		"a log that is missing":   {[]string{"ALTER TABLE commits RENAME TO old_commits"}, "", "records them: commits; restore"},
		"a table of a later step": {[]string{"DROP TABLE deliveries"}, "", "records them: deliveries; restore"},
		"all but the versions":    {[]string{"DROP TABLE events, identities, topics, shards, locks, layout, partitions, commits, repeats, totals, sums, folded, ticks, deliveries, duplicate_reports CASCADE"}, "", "records them: commits, deliveries, duplicate_reports, events, folded, identities, layout, locks, partitions, repeats, shards, sums, ticks, topics, totals; restore"},
		"the first layout": {[]string{"CREATE TABLE audit_stats (shard smallint, received bigint, duplicates bigint)",
			"UPDATE eventagg_migrations SET version_id = 2 WHERE version_id = 10"}, "", "have the first layout, which this version can't use; export its events"},
		"tables without a version": {[]string{"DROP TABLE eventagg_migrations"}, "", "schema public " + unrecorded},
		"an empty version table":   {[]string{"DELETE FROM eventagg_migrations"}, "", "schema public " + unrecorded},
		"tables without a version behind another schema": {
			[]string{"DROP TABLE eventagg_migrations", "CREATE SCHEMA AUTHORIZATION CURRENT_USER"}, "", "schema public " + unrecorded,
		},
		"a dump without the versions, restored into another schema": {
			[]string{"DROP TABLE eventagg_migrations", "ALTER SCHEMA public RENAME TO restored", "CREATE SCHEMA public"}, "", "schema restored " + unrecorded,
		},
		"the configured schema without a version": {[]string{"DROP TABLE eventagg_migrations"}, "public", "schema public " + unrecorded},
		"only the counters without a version":     {[]string{"DROP TABLE eventagg_migrations, events, identities CASCADE"}, "", "schema public " + unrecorded},
		"two sets without a version": {
			[]string{"DROP TABLE eventagg_migrations", "CREATE SCHEMA other", "CREATE TABLE other.events (LIKE events)"}, "", "the schemas other, public all have tables of eventagg",
		},
		"a version table without tables beside tables without versions": {
			[]string{"CREATE SCHEMA other", "ALTER TABLE eventagg_migrations SET SCHEMA other"}, "", "the schemas other, public all have tables of eventagg",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := newDatabase(t)
			execAt(t, address, row.change...)
			const count = "SELECT count(*) FROM pg_class WHERE relname IN ('events', 'identities', 'commits', 'totals', 'deliveries', 'eventagg_migrations')"
			before := selectAt[int](t, address, count)
			options := Options{URL: address, Schema: row.schema}
			_, errMigrate := Migrate(t.Context(), options)
			s, errOpen := Open(t.Context(), options)
			if errOpen == nil {
				_ = s.Close()
			}
			for call, err := range map[string]error{"migrate": errMigrate, "open": errOpen} {
				if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), row.want) {
					t.Errorf("%s: got %v, want %q", call, err, row.want)
				}
			}
			if after := selectAt[int](t, address, count); after != before {
				t.Errorf("there are %d tables, were %d", after, before)
			}
		})
	}
}

// TestSchema_OtherProgramsTables: tables of the same names with other columns are not
// taken for those of eventagg.
func TestSchema_OtherProgramsTables(t *testing.T) {
	t.Parallel()
	address := testdb.Postgres(t)
	execAt(t, address, "CREATE SCHEMA shop", "CREATE TABLE shop.events (id bigint, event_id text, topic text)", "CREATE TABLE shop.topic_stats (topic text, hits int)")
	if got := again(t, Options{URL: address}, someEvents("a", 1)); got != event.Stored {
		t.Errorf("got %v", got)
	}
}

// TestPing_TablesThatDisappear removes tables while a store is open. Ping, Migrate and
// the next Open say the same.
func TestPing_TablesThatDisappear(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ change, ping, migrate string }{
		"one": {"DROP TABLE totals", "are missing in schema public, although eventagg_migrations records them: totals; restore them from a backup",
			"are missing in schema public, although eventagg_migrations records them: totals; restore them from a backup"},
		"one and the versions": {"DROP TABLE totals, eventagg_migrations", "has tables of eventagg, but no eventagg_migrations", "has tables of eventagg, but no eventagg_migrations"},
		"all":                  {"DROP TABLE events, identities, topics, shards, locks, layout, partitions, commits, repeats, totals, sums, folded, ticks, deliveries, duplicate_reports, eventagg_migrations CASCADE", "all tables of eventagg in schema public are gone; restore them", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := newDatabase(t)
			s := open(t, Options{URL: address})
			execAt(t, address, row.change)
			if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), row.ping) || strings.Contains(err.Error(), "run `eventagg migrate`") {
				t.Errorf("ping: %v, want %q", err, row.ping)
			}
			if _, err := Migrate(t.Context(), Options{URL: address}); row.migrate != "" && (err == nil || !strings.Contains(err.Error(), row.migrate)) {
				t.Errorf("migrate: %v, want %q", err, row.migrate)
			}
		})
	}
}

// TestMigrate_LeavesOtherMigrationsAlone: another program uses goose in the same
// database, before or after eventagg.
func TestMigrate_LeavesOtherMigrationsAlone(t *testing.T) {
	t.Parallel()
	address := testdb.Postgres(t)
	execAt(t, address, "CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now())",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (20240101120000, true)")
	if got := again(t, Options{URL: address}, someEvents("a", 1)); got != event.Stored {
		t.Errorf("got %v", got)
	}
	execAt(t, address, "DO $$ BEGIN ASSERT (SELECT count(*) = 3 FROM goose_db_version); END $$")
}

func TestMigrate_AcceptsEveryParameterAndTimeout(t *testing.T) {
	t.Parallel()
	owner := testdb.Postgres(t)
	role := fmt.Sprintf("slow_%d", time.Now().UnixNano())
	execAt(t, owner, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'", "GRANT ALL ON SCHEMA public TO "+role,
		"ALTER ROLE "+role+" SET statement_timeout = 1000", "ALTER ROLE "+role+" SET lock_timeout = 1000")
	address := changed(t, owner, func(u *url.URL) {
		u.User = url.UserPassword(role, "secret")
		query := u.Query()
		for name, value := range map[string]string{
			"pool_max_conns": "5", "pool_min_conns": "1", "pool_max_conn_lifetime": "1h", "pool_max_conn_idle_time": "5m",
			"pool_health_check_period": "30s", "pool_max_conn_lifetime_jitter": "1m", "application_name": "x", "connect_timeout": "5",
			"target_session_attrs": "any", "statement_cache_capacity": "10",
		} {
			query.Set(name, value)
		}
		u.RawQuery = query.Encode()
	})
	if got := again(t, Options{URL: address}, someEvents("a", 1)); got != event.Stored {
		t.Errorf("got %v", got)
	}
}
