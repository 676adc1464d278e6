package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

// statements runs SQL over its own connection, as another program would.
func statements(t *testing.T, path string, texts ...string) {
	t.Helper()
	db, err := openWriter(path, "rwc")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, text := range texts {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpen_Errors checks that the message names the file and says what to do. It
// covers Migrate as well, because serve calls both.
func TestOpen_Errors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		path    func(t *testing.T) string
		migrate string // part of Migrate's message; "" if it succeeds
		open    string // part of Open's message
		outage  bool   // ErrUnavailable: the file can be repaired or may become usable
	}{
		{
			"a missing file needs migrate",
			func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "new.db") }, "", "run `eventagg migrate`", true,
		},
		{
			"an empty file needs migrate",
			func(t *testing.T) string { t.Helper(); return write(t, filepath.Join(t.TempDir(), "empty.db"), "") }, "", "run `eventagg migrate`", true,
		},
		{
			"a text file is refused",
			func(t *testing.T) string {
				t.Helper()
				return write(t, filepath.Join(t.TempDir(), "text.db"), strings.Repeat("dear diary\n", 100))
			},
			"damaged or not a SQLite database; stop eventagg", "damaged or not a SQLite database; stop eventagg", true,
		},
		{
			"a folder is refused",
			func(t *testing.T) string { t.Helper(); return t.TempDir() }, "is a folder or a device", "is a folder or a device", false,
		},
		{
			"a file in a missing folder can't be created",
			func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "a", "b.db") },
			"does not exist; create it", "does not exist; create it", true,
		},
		{
			"a file below a file can't be created",
			func(t *testing.T) string {
				t.Helper()
				return filepath.Join(write(t, filepath.Join(t.TempDir(), "file"), ""), "b.db")
			},
			"is a file, so the database can't be in it", "is a file, so the database can't be in it", false,
		},
		{
			"an empty name is refused",
			func(*testing.T) string { return "" }, "name a file, such as eventagg.db", "name a file, such as eventagg.db", false,
		},
		{
			"a database in memory is refused",
			func(*testing.T) string { return ":memory:" }, "name a file, such as eventagg.db", "name a file, such as eventagg.db", false,
		},
		{
			"a database of another program is refused",
			func(t *testing.T) string {
				t.Helper()
				path := filepath.Join(t.TempDir(), "theirs.db")
				statements(t, path, "CREATE TABLE events (id INTEGER)")
				return path
			},
			"another program's database", "another program's database", false,
		},
		{
			"a database with another application ID is refused",
			func(t *testing.T) string {
				t.Helper()
				path := filepath.Join(t.TempDir(), "theirs.db")
				statements(t, path, "PRAGMA application_id = 7")
				return path
			},
			"another program's database", "another program's database", false,
		},
		{
			"a database of a newer version is refused",
			func(t *testing.T) string {
				t.Helper()
				path := newPath(t)
				statements(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
				return path
			},
			"a newer eventagg", "a newer eventagg", true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := test.path(t)
			_, err := Open(t.Context(), Options{Path: path})
			if err == nil || !strings.Contains(err.Error(), test.open) {
				t.Errorf("open: %v, want a message with %q", err, test.open)
			}
			if errors.Is(err, store.ErrUnavailable) != test.outage {
				t.Errorf("open: %v; is it ErrUnavailable? want %v", err, test.outage)
			}
			_, err = Migrate(t.Context(), path)
			if test.migrate == "" && err != nil || test.migrate != "" && (err == nil || !strings.Contains(err.Error(), test.migrate)) {
				t.Errorf("migrate: %v, want a message with %q", err, test.migrate)
			}
		})
	}
}

func TestMigrate_FolderNotWritable(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		folder = "/proc" // root may write into every other folder
	}
	_, err := Migrate(t.Context(), filepath.Join(folder, "eventagg.db"))
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "its folder") {
		t.Errorf("migrate in a read-only folder: %v, want ErrUnavailable and a hint at the folder", err)
	}
}

// TestOpen_RefusesTheFirstLayout names the way out. The file stays as it is.
func TestOpen_RefusesTheFirstLayout(t *testing.T) {
	t.Parallel()
	const want = "has the first layout, which this version can't use; export its events"
	path := newPath(t)
	statements(t, path, "UPDATE goose_db_version SET version_id = 3 WHERE version_id > 0")
	if _, err := Open(t.Context(), Options{Path: path}); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("open: %v, want %q", err, want)
	}
	if applied, err := Migrate(t.Context(), path); applied != 0 || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("migrate applied %d steps, %v, want %q", applied, err, want)
	}
	found := schema{version: firstStep}
	if err := found.mismatch("x.db", firstStep+1); !strings.Contains(err.Error(), "older eventagg; run `eventagg migrate`") {
		t.Errorf("the message for an older version is %v", err)
	}
}

func TestOpen_NamesDamage(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := open(t, Options{Path: path})
	if _, err := s.Append(t.Context(), []event.Event{newEvent("1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096 // the first page has the schema; the rest is overwritten
	write(t, path, string(file[:page])+strings.Repeat("\xa5", len(file)-page))
	_, err = Open(t.Context(), Options{Path: path})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("open: %v, want ErrUnavailable and the word damaged", err)
	}
}

func migrationCount(t *testing.T) int {
	t.Helper()
	files, err := fs.Glob(sql.Files, "sqlite/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestMigrate_AppliesStepsOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "eventagg.db")
	for _, want := range []int{migrationCount(t), 0, 0} {
		if applied, err := Migrate(t.Context(), path); err != nil || applied != want {
			t.Errorf("migrate applied %d steps (%v), want %d", applied, err, want)
		}
	}
}

func TestMigrate_ProcessesStartTogether(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := filepath.Join(t.TempDir(), "eventagg.db")
		steps := make([]int, 8)
		var group errgroup.Group
		for i := range steps {
			group.Go(func() (err error) {
				steps[i], err = Migrate(t.Context(), path)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatalf("migrate with other processes: %v", err)
		}
		total := 0
		for _, applied := range steps {
			total += applied
		}
		if want := migrationCount(t); total != want {
			t.Errorf("all processes together applied %d steps, want %d", total, want)
		}
		s := open(t, Options{Path: path})
		if _, err := s.Append(t.Context(), []event.Event{newEvent("1")}); err != nil {
			t.Errorf("append after that: %v", err)
		}
	}
}

func TestMigrate_StopsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Migrate(ctx, filepath.Join(t.TempDir(), "eventagg.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("migrate: %v, want context.Canceled", err)
	}
}

func TestMigrate_CanBeUndone(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	db, err := openWriter(path, "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	provider, err := newProvider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatalf("undo the migrations: %v", err)
	}
	var left int
	err = db.QueryRowContext(t.Context(),
		"SELECT count(*) FROM sqlite_schema WHERE name NOT IN ('sqlite_sequence', 'goose_db_version')").Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d tables and indexes are left (%v), want none", left, err)
	}
	if _, err := Migrate(t.Context(), path); err != nil {
		t.Errorf("migrate again: %v", err)
	}
}

func TestOpen_RelativePathStaysSameFile(t *testing.T) {
	path := newPath(t)
	t.Chdir(filepath.Dir(path))
	s := open(t, Options{Path: filepath.Base(path)})
	t.Chdir(t.TempDir())
	if err := s.Ping(t.Context()); err != nil || s.path != path {
		t.Errorf("after a change of the current folder the file is %s (%v), want %s", s.path, err, path)
	}
}

func TestOpen_SetsPragmas(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	for _, test := range []struct {
		db            *stdsql.DB
		pragma, value string
	}{
		{s.writer, "journal_mode", "wal"},
		{s.writer, "synchronous", "2"}, // FULL: on the disk when the commit returns
		{s.writer, "busy_timeout", fmt.Sprint(busyMillis)},
		{s.readers, "query_only", "1"},
		{s.readers, "busy_timeout", fmt.Sprint(busyMillis)},
		{s.writer, "application_id", fmt.Sprint(applicationID)},
	} {
		var value string
		if err := test.db.QueryRowContext(t.Context(), "PRAGMA "+test.pragma).Scan(&value); err != nil || value != test.value {
			t.Errorf("%s is %s (%v), want %s", test.pragma, value, err, test.value)
		}
	}
	if _, err := s.readers.ExecContext(t.Context(), "DELETE FROM events"); err == nil {
		t.Error("a reader could delete")
	}
}
