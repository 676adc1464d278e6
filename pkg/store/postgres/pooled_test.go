package postgres

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/storetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// behindPooler starts a PgBouncer in front of a database. The pooler has that many
// connections to each database.
func behindPooler(t *testing.T, direct string, connections int) Options {
	t.Helper()
	return Options{Pooled: true, URL: testdb.StartPgBouncer(t, direct, testdb.PgBouncerOptions{PoolSize: connections}).URL()}
}

// directAndPooled runs a test on a store with its own sessions, and on a store
// behind a pooler.
func directAndPooled(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, Options{}))
	})
	t.Run("pooled", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, behindPooler(t, newDatabase(t), 2)))
	})
}

// TestConformance_Pooled gives a store fewer connections than it has clients, so
// that two transactions of one client rarely use the same server session.
func TestConformance_Pooled(t *testing.T) {
	t.Parallel()
	pooler, err := url.Parse(behindPooler(t, testdb.Postgres(t), 3).URL)
	if err != nil {
		t.Fatal(err)
	}
	newOptions := func(t *testing.T) Options {
		t.Helper()
		return Options{Pooled: true, URL: changed(t, newDatabase(t), func(u *url.URL) { u.Host = pooler.Host })}
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store { return open(t, newOptions(t)) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return open(t, Options{Pooled: true, URL: urlOf(t, s)})
		},
		Copy:     func(t *testing.T, s store.Store) store.Store { return copied(t, s, newOptions(t)) },
		Outage:   outage,
		Rejected: refusedEvent,
		Age:      age,
	})
}

// TestPooled_SetsIsolationAndCommitLevel has database defaults that would break
// exactly-once, and another client of the pooler that leaves worse settings in
// the session.
func TestPooled_SetsIsolationAndCommitLevel(t *testing.T) {
	t.Parallel()
	direct := newDatabase(t)
	options := behindPooler(t, direct, 1)
	execAt(t, direct, `
		CREATE TABLE seen (name text, value text);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO seen VALUES ('commit', current_setting('synchronous_commit')),
				('isolation', current_setting('transaction_isolation')), ('encoding', current_setting('client_encoding'));
			RETURN NEW;
		END $$;
		CREATE TRIGGER note AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION note();
		DO $$ BEGIN
			EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
			EXECUTE format('ALTER DATABASE %I SET client_encoding = latin1', current_database());
		END $$`)
	s := open(t, options)
	changeSession(t, options.URL)
	for _, n := range []int{1, 2} {
		if _, err := s.Append(t.Context(), someEvents(fmt.Sprint("batch", n), n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	var got string
	row := s.readers.QueryRow(t.Context(), `SELECT string_agg(DISTINCT name || '=' || value, ' ' ORDER BY name || '=' || value) FROM seen`)
	if err := row.Scan(&got); err != nil || got != "commit=on encoding=UTF8 isolation=read committed" {
		t.Errorf("appends ran with %s (%v)", got, err)
	}
}

// changeSession is another client of a pooler that changes the settings of a
// session which later clients reuse.
func changeSession(t *testing.T, address string) {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, setting := range []string{"synchronous_commit = off", "default_transaction_isolation = serializable", "default_transaction_read_only = on"} {
		if _, err := conn.Exec(t.Context(), "SET "+setting); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPooled_ReaderLeavesSessionsWritable has a reader that does not know that there is a
// pooler. What it sets stays in the session, and the next client must be able to write.
func TestPooled_ReaderLeavesSessionsWritable(t *testing.T) {
	t.Parallel()
	options := behindPooler(t, newDatabase(t), 1)
	audit, err := OpenAudit(t.Context(), Options{URL: options.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := audit.Close(); err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(options.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "CREATE TABLE written (a int)"); err != nil {
		t.Error(err)
	}
}

// TestMigrate_PooledInstancesStartTogether has many instances migrate and open at
// once. There are fewer connections than instances, and every fourth instance
// connects without the pooler.
func TestMigrate_PooledInstancesStartTogether(t *testing.T) {
	t.Parallel()
	const count = 12
	direct := Options{URL: testdb.Postgres(t)}
	pooled := behindPooler(t, direct.URL, 2)
	var (
		instances sync.WaitGroup
		applied   = make([]int, count)
	)
	for i := range applied {
		instances.Go(func() {
			options := pooled
			if i%4 == 3 {
				options = direct
			}
			var err error
			if applied[i], err = Migrate(t.Context(), options); err != nil {
				t.Errorf("instance %d: %v", i, err)
				return
			}
			s, err := Open(t.Context(), options)
			if err != nil {
				t.Errorf("instance %d: %v", i, err)
				return
			}
			defer func() { _ = s.Close() }()
			if _, err := s.Append(t.Context(), someEvents("same", 3)); err != nil {
				t.Errorf("instance %d: %v", i, err)
			}
		})
	}
	instances.Wait()
	migrated := 0
	for _, steps := range applied {
		if steps > 0 {
			migrated++
		}
	}
	if migrated != 1 {
		t.Errorf("%d instances migrated, want one: %v", migrated, applied)
	}
	stats, err := open(t, pooled).Stats(t.Context())
	if want := (store.Stats{Received: 3 * count, Stored: 3, Kept: 3, Duplicates: 3 * (count - 1), Topics: 1}); err != nil || stats != want {
		t.Errorf("%+v (%v), want %+v", stats, err, want)
	}
}

// TestAppend_PooledRollsBackAfterRejection has a transaction fail in the middle.
// The connection must not stay in it.
func TestAppend_PooledRollsBackAfterRejection(t *testing.T) {
	t.Parallel()
	options := behindPooler(t, newDatabase(t), 2)
	options.Writers = 1
	s := open(t, options)
	poison := someEvents("poison", 1)
	poison[0].Payload = "{"
	for i := range 3 {
		if _, err := s.Append(t.Context(), poison); err == nil {
			t.Fatal("an invalid payload was stored")
		}
		outcomes, err := s.Append(t.Context(), someEvents("good", 1))
		want := event.Duplicate
		if i == 0 {
			want = event.Stored
		}
		if err != nil || outcomes[0] != want {
			t.Errorf("after a rejection: %v, %v", outcomes, err)
		}
	}
	if opened := s.writers.Stat().NewConnsCount(); opened != 1 {
		t.Errorf("%d connections were opened, want 1", opened)
	}
}
