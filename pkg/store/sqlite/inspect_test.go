package sqlite

import (
	stdsql "database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func inspectFile(t *testing.T, path string) *Facts {
	t.Helper()
	f, err := Inspect(t.Context(), path, InspectOptions{CheckTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestInspect_LeavesNoFiles: files of another user beside the database would keep serve
// from writing.
func TestInspect_LeavesNoFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	if f := inspectFile(t, path); !f.NoTables || f.Exists || f.Unusable != nil {
		t.Errorf("no file: %+v", f)
	}
	if _, err := Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	f := inspectFile(t, path)
	if f.NoTables || !f.Exists || f.Unusable != nil || f.JournalMode != "" || f.Damage != "" || f.CheckUnknown != "" || f.SyncTime <= 0 || f.Open != 0 {
		t.Errorf("a migrated file: %+v", f)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v, expected only the database file", files, err)
	}
}

func TestInspect_WhileAStoreIsOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.db")
	if _, err := Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Path: path})
	f := inspectFile(t, path)
	if f.Unusable != nil || f.JournalMode != "wal" || f.Damage != "" {
		t.Errorf("%+v", f)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("the store after the inspection: %v", err)
	}
}

func TestInspect_FindsProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage func(t *testing.T, path string)
		want   string // in Unusable or Damage
	}{
		"a text":                 {overwriteAt(0, "this is a text, and not a database"), "damaged"},
		"a damaged page":         {overwritePageOf("identities"), "page"},
		"another program's file": {overwriteAt(68, "abcd"), "another program's database"}, // the application ID
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "events.db")
			if _, err := Migrate(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			test.damage(t, path)
			f := inspectFile(t, path)
			found := f.Damage
			if f.Unusable != nil {
				found += f.Unusable.Error()
			}
			if !strings.Contains(found, test.want) {
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}

// overwritePageOf damages the first page of a table.
func overwritePageOf(table string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		db, err := stdsql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		var page int64
		err = db.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = ?", table).Scan(&page)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		const pageSize = 4096
		overwriteAt((page-1)*pageSize, strings.Repeat("x", pageSize))(t, path)
	}
}

// overwriteAt writes a text over bytes of a file.
func overwriteAt(offset int64, text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		if _, err := file.WriteAt([]byte(text), offset); err != nil {
			t.Fatal(err)
		}
	}
}
