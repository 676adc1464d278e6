package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

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
		Age:      age,
	})
}

func age(t *testing.T, s store.Store) (store.Retainer, time.Time) {
	t.Helper()
	return s, endPartition(t, urlOf(t, s))
}

// endPartition ends the present partition of a database now. Owners may do that.
func endPartition(t *testing.T, owner string) time.Time {
	t.Helper()
	tx, err := connectTo(t, owner).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	var name, lower, constraint string
	var now time.Time
	if _, err := tx.Exec(t.Context(), "LOCK TABLE partitions IN EXCLUSIVE MODE; LOCK TABLE events IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	err = tx.QueryRow(t.Context(), `SELECT name, lower::text, at, (SELECT conname FROM pg_constraint WHERE conrelid = name::regclass AND contype = 'c')
		FROM partitions, clock_timestamp() AS at WHERE lower < at AND upper > at`, pgx.QueryExecModeSimpleProtocol).Scan(&name, &lower, &now, &constraint)
	if errors.Is(err, pgx.ErrNoRows) { // there is none
		return time.Now()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"ALTER TABLE events DETACH PARTITION %[1]s", "ALTER TABLE %[1]s DROP CONSTRAINT %[4]s",
		"ALTER TABLE events ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')",
		"UPDATE partitions SET upper = '%[3]s' WHERE name = '%[1]s'",
	} {
		if _, err := tx.Exec(t.Context(), fmt.Sprintf(statement, name, lower, now.Format(time.RFC3339Nano), constraint)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return now
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
	for _, table := range []string{"topics", "identities", "events", "commits", "repeats", "totals", "sums", "folded", "ticks", "retention", "deliveries", "duplicate_reports"} {
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
