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
	from, err := pgx.Connect(t.Context(), urlOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close(context.Background()) }()
	to, err := target.writers.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Release()
	for _, table := range []string{"events", "audit_stats", "topic_stats", "deliveries"} {
		var rows bytes.Buffer
		if _, err := from.PgConn().CopyTo(t.Context(), &rows, "COPY "+table+" TO STDOUT"); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Conn().PgConn().CopyFrom(t.Context(), &rows, "COPY "+table+" FROM STDIN"); err != nil {
			t.Fatal(err)
		}
	}
	return target
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
