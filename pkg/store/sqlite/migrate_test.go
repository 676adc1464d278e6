package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"

	"github.com/eventagg/eventagg/pkg/store"
)

// TestMigrate_DoesNotRetryPermanentError has a table that the first step wants to
// create. No other process is at work, so a retry would not help.
func TestMigrate_DoesNotRetryPermanentError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "eventagg.db")
	statements(t, path, fmt.Sprintf("PRAGMA application_id = %d", applicationID), "CREATE TABLE events (id INTEGER)")
	ctx, cancel := context.WithTimeout(t.Context(), migrateTimeout/2)
	defer cancel()
	applied, err := Migrate(ctx, path)
	if applied != 0 || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("applied %d steps, %v; want ErrUnavailable and the existing table", applied, err)
	}
}

// TestMigrateOnce_RetriesAfterLock has another process that writes during the
// migration.
func TestMigrateOnce_RetriesAfterLock(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	statements(t, path, "DELETE FROM goose_db_version WHERE version_id > 0")
	other, err := openWriter(path, "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	withoutWait, err := openPool(path, 1, url.Values{"mode": {"rw"}, "_txlock": {"immediate"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = withoutWait.Close() }()
	provider, err := newProvider(withoutWait)
	if err != nil {
		t.Fatal(err)
	}
	if done, again, err := migrateOnce(t.Context(), withoutWait, provider, path); done != 0 || !again || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("with a writer at work: %d steps, again %t, %v; want 0, true and ErrUnavailable", done, again, err)
	}
}

// TestMigrateUp_NamesFailedStep has a second step that fails. The first step stays
// applied and is reported.
func TestMigrateUp_NamesFailedStep(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "eventagg.db")
	db, err := openWriter(path, "rwc")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	steps := fstest.MapFS{
		"00001_good.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (id INTEGER);\n")},
		"00002_bad.sql":  {Data: []byte("-- +goose Up\nINSERT INTO b VALUES (1);\n")},
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, steps)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		applied, err := migrateUp(t.Context(), provider)
		message := fmt.Sprintf("step 2 failed after %d new steps", want)
		if applied != want || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), message) {
			t.Errorf("applied %d steps, %v; want %d and %q", applied, err, want, message)
		}
	}
}

func TestMigrate_CreatesFilesForOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	if _, err := Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
