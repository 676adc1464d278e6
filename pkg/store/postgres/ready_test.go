package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestReadiness checks the message that an operator reads if the database responds
// but can't be used.
func TestReadiness(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		found readiness
		want  string // "" if it is ready
	}{
		{"all there and writable", readiness{server: 170004, encoding: "UTF8", migrated: true}, ""},
		{"no tables yet", readiness{server: 170004, encoding: "UTF8"}, "run `eventagg migrate`"},
		{"a standby accepts no writes", readiness{server: 170004, encoding: "UTF8", standby: true, readOnly: true, migrated: true}, "name the primary"},
		{"a read-only session", readiness{server: 170004, encoding: "UTF8", readOnly: true, migrated: true}, "check default_transaction_read_only"},
		{"an encoding that lacks characters", readiness{server: 170004, encoding: "LATIN1", migrated: true}, "has the encoding LATIN1"},
		{"the wrong encoding is reported before missing tables", readiness{server: 170004, encoding: "LATIN1"}, "ENCODING 'UTF8'"},
		{"a version that is too old", readiness{server: 140019, encoding: "UTF8", migrated: true}, "the server is PostgreSQL 14; supported are 15 to 18"},
		{"a version that is not tested yet", readiness{server: 190001, encoding: "UTF8", migrated: true}, "the server is PostgreSQL 19"},
		{"an encoding that stores every byte", readiness{server: 170004, encoding: "SQL_ASCII", migrated: true}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := test.found.ready()
			if test.want == "" && err == nil {
				return
			}
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrUnavailable with %q", err, test.want)
			}
		})
	}
}

// execAt runs statements in a database over its own connection.
func execAt(t *testing.T, address string, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// selectAt returns the value of a query over a connection of its own.
func selectAt[T any](t *testing.T, address, query string) (value T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// changed returns an address with a change.
func changed(t *testing.T, address string, change func(*url.URL)) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	change(parsed)
	return parsed.String()
}

// TestAppend_SQLASCIIKeepsText uses the encoding that initdb chooses if LANG is not
// set.
func TestAppend_SQLASCIIKeepsText(t *testing.T) {
	t.Parallel()
	own := testdb.Postgres(t)
	var name string
	ascii := changed(t, own, func(u *url.URL) {
		name = strings.TrimPrefix(u.Path, "/") + "_ascii"
		u.Path = "/" + name
	})
	quoted := pgx.Identifier{name}.Sanitize()
	execAt(t, own, "CREATE DATABASE "+quoted+" ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() { execAt(t, own, "DROP DATABASE "+quoted+" WITH (FORCE)") })
	if _, err := Migrate(t.Context(), Options{URL: ascii}); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{URL: ascii})
	for _, seed := range eventtest.Seeds() {
		want, err := codec.Decode([]byte(seed))
		if err != nil {
			continue
		}
		outcomes, err := s.Append(t.Context(), []event.Event{want})
		if err != nil {
			t.Fatalf("%s: %v", seed, err)
		}
		got, err := s.Event(t.Context(), want.Key())
		if err != nil || outcomes[0] == event.Stored && got.Event != want {
			t.Errorf("%s was read as %+v, %v", seed, got, err)
		}
	}
}

// TestOpen_RefusesOtherEncoding has a database that can't store every text. Migrate
// and Open both refuse it.
func TestOpen_RefusesOtherEncoding(t *testing.T) {
	t.Parallel()
	own := testdb.Postgres(t)
	var name string
	latin := changed(t, own, func(u *url.URL) {
		name = strings.TrimPrefix(u.Path, "/") + "_latin"
		u.Path = "/" + name
	})
	quoted := pgx.Identifier{name}.Sanitize()
	execAt(t, own, "CREATE DATABASE "+quoted+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() { execAt(t, own, "DROP DATABASE "+quoted+" WITH (FORCE)") })
	_, errMigrate := Migrate(t.Context(), Options{URL: latin})
	_, errOpen := Open(t.Context(), Options{URL: latin})
	for name, err := range map[string]error{"migrate": errMigrate, "open": errOpen} {
		if err == nil || !strings.Contains(err.Error(), "has the encoding LATIN1") {
			t.Errorf("%s: %v, want the name of the encoding", name, err)
		}
	}
}

// TestOpen_WritesDespiteReadOnlyDefault has a database whose sessions are read-only
// by default.
func TestOpen_WritesDespiteReadOnlyDefault(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	execAt(t, address, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
	END $$`)
	s := open(t, Options{URL: address})
	if outcomes, err := s.Append(t.Context(), someEvents("e", 2)); err != nil || outcomes[1] != event.Stored {
		t.Errorf("append: %v, %v", outcomes, err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// TestPing_ReadOnlyWriter makes the session of a writer read-only, as a pooler may
// do that shares sessions between clients.
func TestPing_ReadOnlyWriter(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Writers: 1})
	if _, err := s.writers.Exec(t.Context(), "SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "is read only") {
		t.Errorf("ping: %v, want ErrUnavailable and that the database is read only", err)
	}
}

// TestPing_WriterCannotConnect has a connection limit that only the reader fits
// into.
func TestPing_WriterCannotConnect(t *testing.T) {
	t.Parallel()
	owner := newDatabase(t)
	role := fmt.Sprintf("limited_%d", time.Now().UnixNano())
	limited := changed(t, owner, func(u *url.URL) { u.User = url.UserPassword(role, "secret") })
	execAt(t, owner, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret' CONNECTION LIMIT 4", "GRANT ALL ON ALL TABLES IN SCHEMA public TO "+role,
		"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "+role)
	s := open(t, Options{URL: limited, Writers: 1, MaxConns: 1})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatalf("ping while both connect: %v", err)
	}
	execAt(t, owner, "ALTER ROLE "+role+" CONNECTION LIMIT 1")
	s.writers.Reset()
	if _, err := s.Stats(t.Context()); err != nil {
		t.Fatalf("the reader failed: %v", err)
	}
	err := s.Ping(t.Context())
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "has no connection left") || strings.Contains(err.Error(), "secret") {
		t.Errorf("ping without a writer: %v, want ErrUnavailable with the cause and without the password", err)
	}
	execAt(t, owner, "ALTER ROLE "+role+" CONNECTION LIMIT 4")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping when the writer connects again: %v", err)
	}
}

// TestPing_DoesNotWaitForBusyWriters pings while all writers have transactions that
// do not end.
func TestPing_DoesNotWaitForBusyWriters(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Writers: 2})
	for range 2 {
		tx, err := s.writers.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping: %v, want no error while writers are busy", err)
	}
}
