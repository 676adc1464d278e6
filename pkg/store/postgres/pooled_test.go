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

// pooler starts a pooler for all databases of the tests' server, and returns how
// to reach a new one through it.
func pooler(t *testing.T, connections int) func(t *testing.T) Options {
	t.Helper()
	direct := testdb.Postgres(t)
	address, err := url.Parse(testdb.StartPgBouncer(t, direct, testdb.PgBouncerOptions{PoolSize: connections}).URL())
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) Options {
		t.Helper()
		return Options{Pooled: true, URL: changed(t, testdb.Postgres(t), func(u *url.URL) { u.Host = address.Host })}
	}
}

// bothWays runs a test on a store with sessions of its own, and on one behind a
// pooler.
func bothWays(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, Options{}))
	})
	t.Run("pooled", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, pooler(t, 2)(t)))
	})
}

// TestConformanceThroughAPooler gives a store fewer connections than it has
// clients, so that hardly two transactions of one client meet the same server.
func TestConformanceThroughAPooler(t *testing.T) {
	t.Parallel()
	fresh := pooler(t, 3)
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store { return open(t, fresh(t)) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return open(t, Options{Pooled: true, URL: urlOf(t, s)})
		},
		Copy:   func(t *testing.T, s store.Store) store.Store { return copied(t, s, fresh(t)) },
		Outage: outage,
		Refuse: refusedEvent,
	})
}

// TestPooledTransactionsKeepTheGuarantee has defaults that would break
// exactly-once, and another client of the pooler that leaves worse behind.
func TestPooledTransactionsKeepTheGuarantee(t *testing.T) {
	t.Parallel()
	options := pooler(t, 1)(t)
	if _, err := Migrate(t.Context(), Options{URL: direct(t, options)}); err != nil { // whose lock needs a second connection
		t.Fatal(err)
	}
	execAt(t, direct(t, options), `
		CREATE TABLE seen (who text, value text);
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
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	pollute(t, options.URL)
	for _, n := range []int{1, 2} {
		if _, err := s.Append(t.Context(), someEvents(fmt.Sprint("batch", n), n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	var got string
	row := s.readers.QueryRow(t.Context(), `SELECT string_agg(DISTINCT who || '=' || value, ' ' ORDER BY who || '=' || value) FROM seen`)
	if err := row.Scan(&got); err != nil || got != "commit=on encoding=UTF8 isolation=read committed" {
		t.Errorf("appends ran with %s (%v)", got, err)
	}
}

// pollute is another client of a pooler, which sets up "its" session.
func pollute(t *testing.T, address string) {
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

// direct is the address of the server behind a pooler.
func direct(t *testing.T, options Options) string {
	t.Helper()
	server, err := url.Parse(testdb.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	return changed(t, options.URL, func(u *url.URL) { u.Host = server.Host })
}

// TestInstancesStartAtOnceThroughAPooler has many instances migrate and open at
// once, with fewer connections than there are instances and some beside the
// pooler.
func TestInstancesStartAtOnceThroughAPooler(t *testing.T) {
	t.Parallel()
	const count = 12
	options := pooler(t, 2)(t)
	beside := Options{URL: direct(t, options)}
	var (
		instances sync.WaitGroup
		applied   = make([]int, count)
	)
	for i := range applied {
		instances.Go(func() {
			way := options
			if i%4 == 3 {
				way = beside
			}
			var err error
			if applied[i], err = Migrate(t.Context(), way); err != nil {
				t.Errorf("instance %d: %v", i, err)
				return
			}
			s, err := Open(t.Context(), way)
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
	workers := 0
	for _, n := range applied {
		if n > 0 {
			workers++
		}
	}
	if workers != 1 {
		t.Errorf("%d instances migrated, want one: %v", workers, applied)
	}
	stats, err := open(t, options).Stats(t.Context())
	if want := (store.Stats{Received: 3 * count, Unique: 3, Duplicates: 3 * (count - 1), Topics: 1}); err != nil || stats != want {
		t.Errorf("%+v (%v), want %+v", stats, err, want)
	}
}

// TestPooledAppendRecoversFromRefusals has a transaction fail in the middle: the
// connection must not go on inside it.
func TestPooledAppendRecoversFromRefusals(t *testing.T) {
	t.Parallel()
	options := pooler(t, 2)(t)
	options.Writers = 1
	s := open(t, options)
	poison := someEvents("poison", 1)
	poison[0].Payload = "{"
	for i := range 3 {
		if _, err := s.Append(t.Context(), poison); err == nil {
			t.Fatal("what can't be stored was")
		}
		outcomes, err := s.Append(t.Context(), someEvents("good", 1))
		want := event.Duplicate
		if i == 0 {
			want = event.Stored
		}
		if err != nil || outcomes[0] != want {
			t.Errorf("after a refusal: %v, %v", outcomes, err)
		}
	}
	if opened := s.writers.Stat().NewConnsCount(); opened != 1 {
		t.Errorf("%d connections were opened, want the one kept", opened)
	}
}
