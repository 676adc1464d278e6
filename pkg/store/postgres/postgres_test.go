package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
	"github.com/eventagg/eventagg/sql"
)

// newDatabase returns the URL of a database with tables and without rows.
func newDatabase(t testing.TB) string {
	t.Helper()
	return testdb.MigratedPostgres(t, func(ctx context.Context, address string) error {
		_, err := Migrate(ctx, Options{URL: address})
		return err
	})
}

// open opens a migrated database, by default a new one, until the test ends.
func open(t testing.TB, options Options) *Store {
	t.Helper()
	if options.URL == "" {
		options.URL = newDatabase(t)
	}
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func someEvents(prefix string, n int) []event.Event {
	list := make([]event.Event, n)
	for i := range list {
		list[i] = event.Event{
			Topic: "t", ID: fmt.Sprintf("%s-%d", prefix, i), Source: "test", Payload: `{"n":1.10}`,
			Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC),
		}
	}
	return list
}

// TestQueries_AllPrepare prepares each statement in a migrated database, so that a
// mistake is not found only at its first use. The search path is empty, so that a table
// without its schema is a mistake, too.
func TestQueries_AllPrepare(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	files, err := sql.Files.ReadDir("postgres/queries")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := file.Name()
		text, err := sql.Files.ReadFile("postgres/queries/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "reader_begin.sql" || name == "probe_begin.sql" { // several statements
			continue
		}
		err = s.writers.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
			if _, err := conn.Exec(t.Context(), "SET search_path = ''"); err != nil {
				return err
			}
			_, err := conn.Conn().Prepare(t.Context(), "", sql.InSchema(string(text), "public"))
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMigrate_InstancesStartTogether migrates an empty database from several
// instances at once.
func TestMigrate_InstancesStartTogether(t *testing.T) {
	t.Parallel()
	address := testdb.Postgres(t)
	var (
		instances sync.WaitGroup
		applied   = make([]int, 5)
	)
	for i := range applied {
		instances.Go(func() {
			var err error
			if applied[i], err = Migrate(t.Context(), Options{URL: address}); err != nil {
				t.Errorf("instance %d: %v", i, err)
			}
		})
	}
	instances.Wait()
	total := 0
	for _, n := range applied {
		total += n
	}
	if again, err := Migrate(t.Context(), Options{URL: address}); err != nil || again != 0 {
		t.Errorf("migrating once more applied %d steps, %v", again, err)
	}
	if total == 0 {
		t.Error("no instance applied a step")
	}
	open(t, Options{URL: address})
}

// TestOpen_Errors checks the message that an operator reads if a database can't be
// used.
func TestOpen_Errors(t *testing.T) {
	t.Parallel()
	empty := testdb.Postgres(t)
	missing := changed(t, empty, func(u *url.URL) { u.Path = "/no such database" })
	tests := []struct {
		name, url, want string
	}{
		{"an empty database asks for migrate", empty, "run `eventagg migrate`"},
		{"a wrong password is not repeated", strings.Replace(empty, "eventagg:", "eventagg:secret", 1), `rejects the password of user "eventagg"`},
		{"no password", changed(t, empty, func(u *url.URL) { u.User = url.User("eventagg") }), "and database.url has none"},
		{"an unknown user", changed(t, empty, func(u *url.URL) { u.User = url.UserPassword("nobody", "secret") }), "or the user does not exist"},
		{"a database that does not exist", missing, `has no database "no such database"; create it with CREATE DATABASE`},
		{"nothing listens", "postgres://eventagg:secret@127.0.0.1:1/x", "nothing listens at 127.0.0.1:1 (connection refused); is PostgreSQL running there"},
		{"no URL at all", "postgres://%zz", "read the database URL"},
		{"a password that needs escapes", "postgres://eventagg:se@cr%secret/et@127.0.0.1/x", "as %40 and so on"},
		{"a password before an invalid port", "postgres://eventagg:secret@127.0.0.1:port/x", "as %40 and so on"},
		{"a password and an invalid option", "postgres://eventagg:secret@127.0.0.1/x?sslmode=maybe", "sslmode"},
		{"a password among the options", "postgres://127.0.0.1/x?user=eventagg&password=secret&sslmode=maybe", "sslmode"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Options{URL: test.url})
			if err == nil {
				_ = s.Close()
				t.Fatal("it opened")
			}
			_, errMigrate := Migrate(t.Context(), Options{URL: test.url})
			if !strings.Contains(err.Error(), test.want) || errMigrate != nil && !strings.Contains(errMigrate.Error(), test.want) {
				t.Errorf("open: %v, migrate: %v, want %q in both", err, errMigrate, test.want)
			}
			if text := fmt.Sprint(err, errMigrate); strings.Contains(text, "secret") || strings.Contains(text, "\n") {
				t.Errorf("the message has a password or several lines: %s", text)
			}
		})
	}
}

// TestOpen_OverridesUnsafeDefaults has database defaults that would break
// exactly-once. Writers must not use them.
func TestOpen_OverridesUnsafeDefaults(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	setup := open(t, Options{URL: address})
	_, err := setup.writers.Exec(t.Context(), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
		EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
		EXECUTE format('ALTER DATABASE %I SET client_encoding = latin1', current_database());
	END $$`)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{URL: address})
	var commit, isolation, encoding string
	err = s.writers.QueryRow(t.Context(), `SELECT current_setting('synchronous_commit'),
		current_setting('transaction_isolation'), current_setting('client_encoding')`).Scan(&commit, &isolation, &encoding)
	if err != nil || commit != "on" || isolation != "read committed" || encoding != "UTF8" {
		t.Errorf("writers have synchronous_commit %q, isolation %q and encoding %q (%v)", commit, isolation, encoding, err)
	}
}

// TestAppend_RejectsInvalidData appends data that validation would not accept.
func TestAppend_RejectsInvalidData(t *testing.T) {
	t.Parallel()
	directAndPooled(t, func(t *testing.T, s *Store) {
		poison := someEvents("poison", 2)
		poison[1].Payload = "{"
		if _, err := s.Append(t.Context(), poison); !errors.Is(err, store.ErrRejected) {
			t.Fatalf("got %v, want rejected", err)
		}
		if _, err := s.Append(t.Context(), poison[1:]); !errors.Is(err, store.ErrRejected) {
			t.Fatalf("alone: got %v, want rejected", err)
		}
		if stats, err := s.Stats(t.Context()); err != nil || stats != (store.Stats{}) {
			t.Errorf("after a rejected append the counters are %+v (%v)", stats, err)
		}
	})
}

// TestAppend_FailedCommitIsError has a COMMIT that fails after the statement has
// returned its rows. Outcomes are valid only after the COMMIT.
func TestAppend_FailedCommitIsError(t *testing.T) {
	t.Parallel()
	directAndPooled(t, func(t *testing.T, s *Store) {
		_, err := s.writers.Exec(t.Context(), `
			CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'at commit'; END $$;
			CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION refuse()`)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2} {
			if outcomes, err := s.Append(t.Context(), someEvents("late", n)); err == nil {
				t.Errorf("%d events whose COMMIT failed have the outcomes %v", n, outcomes)
			}
			d := store.Delivery{ID: store.DeliveryID{byte(n)}, Events: someEvents("late", n)}
			if received, err := s.Receive(t.Context(), []store.Delivery{d}); err == nil || received != (store.Received{}) {
				t.Errorf("%d events whose COMMIT failed were received: %+v, %v", n, received, err)
			}
			if known, err := s.Known(t.Context(), []store.DeliveryID{d.ID}); err != nil || known[0] {
				t.Errorf("a delivery whose COMMIT failed is remembered: %v, %v", known, err)
			}
		}
		if stats, err := s.Stats(t.Context()); err != nil || stats != (store.Stats{}) {
			t.Errorf("after failed commits the counters are %+v (%v)", stats, err)
		}
	})
}
