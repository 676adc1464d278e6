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
		"00001_good.sql": {Data: []byte("-- +goose Up\nCREATE TABLE events (id integer);\nCREATE TABLE identities ();\nCREATE TABLE commits ();\n")},
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
