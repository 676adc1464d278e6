package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventagg/eventagg/pkg/store"
)

// TestMigrateDoesNotRepeatWhatStaysWrong has a table where the first step wants
// to make one. No other process is at work, so waiting helps nothing.
func TestMigrateDoesNotRepeatWhatStaysWrong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "eventagg.db")
	statements(t, path, fmt.Sprintf("PRAGMA application_id = %d", applicationID), "CREATE TABLE events (id INTEGER)")
	ctx, cancel := context.WithTimeout(t.Context(), migratePatience/2)
	defer cancel()
	applied, err := Migrate(ctx, path)
	if applied != 0 || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("applied %d steps, %v; want ErrUnavailable and what is in the way", applied, err)
	}
}

// TestMigrateTriesAgainAfterALock has another process that writes while a step
// is to be taken.
func TestMigrateTriesAgainAfterALock(t *testing.T) {
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
	impatient, err := openPool(path, 1, url.Values{"mode": {"rw"}, "_txlock": {"immediate"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = impatient.Close() }()
	if done, again, err := migrateOnce(t.Context(), impatient, path); done != 0 || !again || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("beside a writer: %d steps, again %t, %v; want none, another try and ErrUnavailable", done, again, err)
	}
}

// TestFailedStepIsNamed has a step that fails after one that is done. The first
// stays, and is told.
func TestFailedStepIsNamed(t *testing.T) {
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
	for _, want := range []int{1, 0} {
		applied, err := migrateUp(t.Context(), db, steps)
		message := fmt.Sprintf("step 2 failed after %d applied now", want)
		if applied != want || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), message) {
			t.Errorf("applied %d steps, %v; want %d and %q", applied, err, want, message)
		}
	}
}
