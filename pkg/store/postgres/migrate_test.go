package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
	"github.com/eventagg/eventagg/sql"
)

// TestMigrateUp_NamesFailedStep has a second step that fails. The first step stays
// applied and is reported.
func TestMigrateUp_NamesFailedStep(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(testdb.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	steps := fstest.MapFS{
		"00001_good.sql": {Data: []byte("-- +goose Up\nCREATE TABLE events (id integer);\nCREATE TABLE topic_stats ();\nCREATE TABLE audit_stats ();\n")},
		"00002_bad.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE events (id integer);\n")},
	}
	for _, want := range []int{1, 0} {
		applied, err := migrateUp(t.Context(), db, steps, "public")
		message := fmt.Sprintf("step 2 failed after %d new steps", want)
		if applied != want || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), message) {
			t.Errorf("applied %d steps, %v; want %d and %q", applied, err, want, message)
		}
		if strings.Contains(err.Error(), "run `eventagg migrate`") {
			t.Errorf("the message of migrate recommends migrate: %v", err)
		}
	}
}

// TestMigrate_NamesMissingRight has a role that may only connect.
func TestMigrate_NamesMissingRight(t *testing.T) {
	t.Parallel()
	owner := testdb.Postgres(t)
	role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	execAt(t, owner, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	_, err := Migrate(t.Context(), Options{URL: changed(t, owner, func(u *url.URL) { u.User = url.UserPassword(role, "secret") })})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "GRANT it CREATE") {
		t.Errorf("got %v, want the missing right", err)
	}
}

// TestRenumber_KeepsSeqWithinInteger renumbers more rows than one transaction ID
// can have. Two events per ID stand for a thousand million.
func TestRenumber_KeepsSeqWithinInteger(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	for _, id := range []string{"first", "second"} {
		if _, err := s.Append(ctx, someEvents(id, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.writers.Exec(ctx, `UPDATE events SET xid = (xid::text::bigint + 1000000000)::text::xid8`); err != nil {
		t.Fatal(err)
	}
	text, err := sql.Files.ReadFile("postgres/queries/renumber.sql")
	if err != nil {
		t.Fatal(err)
	}
	const perID = "1000000000"
	statement := sql.InSchema(string(text), "public")
	if strings.Count(statement, perID) != 3 {
		t.Fatalf("the statement contains the number of events per ID %d times, want 3", strings.Count(statement, perID))
	}
	if _, err := s.writers.Exec(ctx, strings.ReplaceAll(statement, perID, "2")); err != nil {
		t.Fatal(err)
	}
	records, _, err := s.Newer(ctx, store.Filter{}, store.Position{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		r.Position.Fingerprint = 0
		got = append(got, r.ID+"@"+r.Position.String())
	}
	if want := "[first-0@1.1 first-1@1.2 first-2@2.1 second-0@2.2 second-1@3.1 second-2@3.2]"; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}
