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
	for name, text := range map[string]string{
		"append": s.queries.append, "append_one": s.queries.appendOne, "stats": s.queries.stats, "topic_stats": s.queries.topicStats,
		"event": s.queries.event, "older": s.queries.older, "newer": s.queries.newer,
		"older_of_topic": s.queries.olderOfTopic, "newer_of_topic": s.queries.newerOfTopic,
		"stable_head": s.queries.stableHead, "fingerprint": s.queries.fingerprint, "ready": s.queries.ready,
		"remember": s.queries.remember, "known": s.queries.known, "forget": s.queries.forget,
		"writer_begin": s.queries.writerBegin, "writer_transaction": s.queries.writerTransaction,
		"writer_session": s.queries.writerSession, "reader_session": s.queries.readerSession,
	} {
		err := s.writers.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
			if _, err := conn.Exec(t.Context(), "SET search_path = ''"); err != nil {
				return err
			}
			_, err := conn.Conn().Prepare(t.Context(), "", text)
			return err
		})
		if err != nil {
			t.Errorf("%s.sql: %v", name, err)
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
	empty, older := testdb.Postgres(t), newDatabase(t)
	execAt(t, older, "DROP TABLE deliveries", "DROP FUNCTION count_topic CASCADE", "ALTER TABLE audit_stats DROP topics",
		"DELETE FROM eventagg_migrations WHERE version_id > 1")
	missing := changed(t, empty, func(u *url.URL) { u.Path = "/no such database" })
	tests := []struct {
		name, url, want string
	}{
		{"an empty database asks for migrate", empty, "run `eventagg migrate`"},
		{"the tables of an older version ask for migrate", older, "lacks the tables of this version; run `eventagg migrate`"},
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

// TestNewer_WaitsForSlowTransaction has a transaction that stores an event early
// and commits late. A follower must not pass its position before that.
func TestNewer_WaitsForSlowTransaction(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	start, err := s.StableHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := s.writers.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(ctx) }()
	_, err = slow.Exec(ctx, `INSERT INTO events (seq, topic, event_id, occurred_at, source, payload)
		VALUES (1, 't', 'slow', now(), 's', '{}')`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, someEvents("fast", 3)); err != nil {
		t.Fatal(err)
	}
	// Older transactions may end meanwhile, in this or another database of the
	// server. The slow one holds back only itself and later ones.
	records, next, err := s.Newer(ctx, store.Filter{}, start, 10)
	if err != nil || len(records) != 0 {
		t.Fatalf("while an older transaction runs: %d events, %v, want none", len(records), err)
	}
	if seen, _, err := s.Older(ctx, store.Filter{}, store.Position{}, 10); err != nil || len(seen) != 3 {
		t.Fatalf("a reader that does not follow sees %d events, %v; want the 3 committed", len(seen), err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	var got []string
	deadline := time.Now().Add(10 * time.Second)
	for len(got) < 4 && time.Now().Before(deadline) { // transactions of other tests may hold the stable head back for a moment
		if records, next, err = s.Newer(ctx, store.Filter{}, next, 10); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			got = append(got, r.ID)
		}
	}
	if want := "[slow fast-0 fast-1 fast-2]"; fmt.Sprint(got) != want {
		t.Errorf("the follower saw %v, want %s", got, want)
	}
}

// TestStableHead_IgnoresRolledBackTransactions rolls transactions back. They leave
// nothing on the disk, so PostgreSQL may use their IDs again after a crash, and no
// position may lie behind them.
func TestStableHead_IgnoresRolledBackTransactions(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	for range 2 {
		for range 3 {
			tx, err := s.writers.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(ctx, "SELECT pg_current_xact_id()"); err != nil {
				t.Fatal(err)
			}
			if err := tx.Rollback(ctx); err != nil {
				t.Fatal(err)
			}
		}
		newest, _, err := s.Older(ctx, store.Filter{}, store.Position{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		limit := store.Position{Commit: 1}
		for _, record := range newest {
			limit.Commit = record.Position.Commit + 1
		}
		stable, err := s.StableHead(ctx)
		if err != nil || stable.Compare(limit) > 0 {
			t.Errorf("the stable head is %v (%v), behind the newest event at %v", stable, err, limit)
		}
		if _, next, err := s.Newer(ctx, store.Filter{}, stable, 10); err != nil || next.Compare(limit) > 0 {
			t.Errorf("a follower continues from %v (%v), behind the newest event at %v", next, err, limit)
		}
		if _, err := s.Append(ctx, someEvents("e", 2)); err != nil {
			t.Fatal(err)
		}
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

// TestMigrate_KeepsOrderOfRestoredDump has rows with transaction IDs from the
// future, as in a dump from a busier cluster.
func TestMigrate_KeepsOrderOfRestoredDump(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	s := open(t, Options{URL: address})
	ctx := t.Context()
	for _, id := range []string{"first", "second"} {
		if _, err := s.Append(ctx, someEvents(id, 2)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.writers.Exec(ctx, `UPDATE events SET xid = (xid::text::bigint + 1000000000)::text::xid8`); err != nil {
		t.Fatal(err)
	}
	if _, err := Migrate(ctx, Options{URL: address}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, someEvents("new", 1)); err != nil {
		t.Fatal(err)
	}
	records, _, err := s.Older(ctx, store.Filter{}, store.Position{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, r.ID)
	}
	if want := "[new-0 second-1 second-0 first-1 first-0]"; fmt.Sprint(got) != want {
		t.Errorf("newest first: %v, want %s", got, want)
	}
}

// TestMigrate_RenumberingInvalidatesPositions renumbers while an instance works.
// Only its newest position is still valid after that.
func TestMigrate_RenumberingInvalidatesPositions(t *testing.T) {
	t.Parallel()
	directAndPooled(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, id := range []string{"first", "second"} {
			if _, err := s.Append(ctx, someEvents(id, 2)); err != nil {
				t.Fatal(err)
			}
		}
		before, _, err := s.Older(ctx, store.Filter{}, store.Position{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		future := `UPDATE events SET xid = (xid::text::bigint + 1000000000)::text::xid8`
		if _, err := s.writers.Exec(ctx, future); err != nil {
			t.Fatal(err)
		}
		if _, err := Migrate(ctx, Options{URL: urlOf(t, s), Pooled: s.pooled}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(ctx, someEvents("new", 1)); err != nil {
			t.Fatal(err)
		}
		first, second := before[2].Position, before[0].Position
		if _, _, err := s.Newer(ctx, store.Filter{}, first, 10); !errors.Is(err, store.ErrForeignPosition) {
			t.Errorf("after the first events: %v, want ErrForeignPosition", err)
		}
		if _, _, err := s.Older(ctx, store.Filter{}, first, 10); !errors.Is(err, store.ErrForeignPosition) {
			t.Errorf("before the first events: %v, want ErrForeignPosition", err)
		}
		for { // until the order is stable
			records, _, err := s.Newer(ctx, store.Filter{}, second, 10)
			if err != nil || len(records) > 1 || len(records) == 1 && records[0].ID != "new-0" {
				t.Fatalf("after the second events: %v, %v, want new-0", records, err)
			}
			if len(records) == 1 {
				return
			}
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
