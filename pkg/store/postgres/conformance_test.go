package postgres

import (
	"bytes"
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store { return open(t, Options{}) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return open(t, Options{URL: urlOf(t, s)})
		},
		Copy:     func(t *testing.T, s store.Store) store.Store { return copied(t, s, Options{}) },
		Outage:   outage,
		Rejected: refusedEvent,
	})
}

// refusedEvent returns an event that only the database rejects. Validation would
// not accept it.
func refusedEvent(*testing.T, store.Store) event.Event {
	refused := someEvents("refused", 1)[0]
	refused.Payload = "{"
	return refused
}

// copied opens a database with the rows of another one, as after a restored dump.
func copied(t *testing.T, s store.Store, options Options) *Store {
	t.Helper()
	target := open(t, options)
	copyRows(t, urlOf(t, s), urlOf(t, target))
	return target
}

// copyRows replaces the rows of a database by those of another one. Owners may do that.
func copyRows(t *testing.T, source, target string) {
	t.Helper()
	from, to := connectTo(t, source), connectTo(t, target)
	for _, table := range []string{"topics", "identities", "events", "commits", "repeats", "totals", "sums", "folded", "ticks", "deliveries", "duplicate_reports"} {
		var rows bytes.Buffer
		if _, err := from.PgConn().CopyTo(t.Context(), &rows, "COPY (TABLE "+table+") TO STDOUT"); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Exec(t.Context(), "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
		if _, err := to.PgConn().CopyFrom(t.Context(), &rows, "COPY "+table+" FROM STDIN"); err != nil {
			t.Fatal(err)
		}
	}
	for _, sequence := range []string{"commit_numbers", "topics_topic_no_seq"} {
		var last int64
		if err := from.QueryRow(t.Context(), "SELECT last_value FROM "+sequence).Scan(&last); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Exec(t.Context(), "SELECT setval($1::text::regclass, $2)", sequence, last); err != nil {
			t.Fatal(err)
		}
	}
}

// connectTo connects to a database until the test ends.
func connectTo(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// urlOf is the URL of the database of a store.
func urlOf(t *testing.T, s store.Store) string {
	t.Helper()
	opened, ok := s.(*Store)
	if !ok {
		t.Fatalf("not a store of this package: %T", s)
	}
	return opened.writers.Config().ConnString()
}

// outage makes one database unavailable to its clients, as a stopped server would,
// without an effect on other tests. The tests of cmd stop real servers.
func outage(t *testing.T, s store.Store) (down, up func()) {
	t.Helper()
	config, err := pgx.ParseConfig(urlOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	database := pgx.Identifier{config.Database}.Sanitize()
	name := config.Database
	config.Database = "postgres"
	admin := func(statements ...string) {
		t.Helper()
		conn, err := pgx.ConnectConfig(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		for _, statement := range statements {
			if _, err := conn.Exec(context.Background(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	down = func() {
		admin("ALTER DATABASE "+database+" ALLOW_CONNECTIONS false",
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+name+"'")
	}
	up = func() { admin("ALTER DATABASE " + database + " ALLOW_CONNECTIONS true") }
	return down, up
}
