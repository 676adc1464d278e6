package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/atomicfile"
	"github.com/eventagg/eventagg/pkg/store"
)

// stage is a backup with the events 0 and 1, and the database, which has more events
// by now.
type stage struct {
	backup string
	store  *Store
	last   store.Position // of the last event that the backup has
	lost   store.Position // of an event that the backup lacks
}

func newBackup(t *testing.T) stage {
	t.Helper()
	s := stage{backup: newCopyPath(t), store: openNew(t, Options{})}
	appendAll(t, s.store, "0", "1")
	var err error
	if s.last, err = s.store.StableHead(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), BackupOptions{From: s.store.path, To: s.backup}); err != nil {
		t.Fatal(err)
	}
	appendAll(t, s.store, "lost", "lost, too")
	if s.lost, err = s.store.StableHead(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// crash leaves the files as they are after the death of the process, at a new path.
func (s stage) crash(t *testing.T) string {
	t.Helper()
	path := newCopyPath(t)
	for _, suffix := range []string{"", walSuffix, shmSuffix} {
		copyFile(t, s.store.path+suffix, path+suffix)
	}
	return path
}

func TestRestore_CreatesDatabase(t *testing.T) {
	t.Parallel()
	s := newBackup(t)
	to := newCopyPath(t)
	got, err := Restore(t.Context(), BackupOptions{From: s.backup, To: to})
	if err != nil || got.Stats.Stored != 2 || got.Replaced != "" || len(contents(t, filepath.Dir(to))) != 1 {
		t.Errorf("restored %+v, %v, left are %v", got, err, contents(t, filepath.Dir(to)))
	}
	checkEvents(t, open(t, Options{Path: to}), 2)
	if names := contents(t, filepath.Dir(s.backup)); len(names) != 1 {
		t.Errorf("beside the backup are %v", names)
	}
}

// TestRestore_KeepsReplacedDatabase: the log of a crashed process goes with its file.
func TestRestore_KeepsReplacedDatabase(t *testing.T) {
	t.Parallel()
	s := newBackup(t)
	to := s.crash(t)
	got, err := Restore(t.Context(), BackupOptions{From: s.backup, To: to, Replace: true})
	if err != nil || !strings.HasPrefix(got.Replaced, to+".replaced-") {
		t.Fatalf("restored %+v, %v", got, err)
	}
	if names := contents(t, filepath.Dir(to)); len(names) != 4 {
		t.Errorf("left are %v", names)
	}
	checkEvents(t, open(t, Options{Path: to}), 2)
	if stats, err := open(t, Options{Path: got.Replaced}).Stats(t.Context()); err != nil || stats.Stored != 4 {
		t.Errorf("the replaced database has %+v, %v", stats, err)
	}
}

// TestRestore_RefusesCursorsOfLostEvents: a follower behind the backup goes on, and one
// whose last event was lost is refused, also after other events took that place.
func TestRestore_RefusesCursorsOfLostEvents(t *testing.T) {
	t.Parallel()
	s := newBackup(t)
	to := newCopyPath(t)
	if _, err := Restore(t.Context(), BackupOptions{From: s.backup, To: to}); err != nil {
		t.Fatal(err)
	}
	restored := open(t, Options{Path: to})
	for round := range 3 {
		if _, _, err := restored.Newer(t.Context(), store.Filter{}, s.lost, 10); !errors.Is(err, store.ErrForeignPosition) {
			t.Errorf("after a lost event, with %d new ones: %v", round, err)
		}
		records, _, err := restored.Newer(t.Context(), store.Filter{}, s.last, 10)
		if err != nil || len(records) != round {
			t.Errorf("after the last event of the backup: %d events, expected %d: %v", len(records), round, err)
		}
		appendAll(t, restored, fmt.Sprint("new ", round))
	}
}

func TestRestore_ErrorsChangeNothing(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options func(t *testing.T, s stage) BackupOptions
		want    error
		text    string
	}{
		"an existing database is kept": {func(t *testing.T, s stage) BackupOptions {
			t.Helper()
			return BackupOptions{From: s.backup, To: s.crash(t)}
		}, atomicfile.ErrExists, "already exists"},
		"a log without its database is kept": {func(t *testing.T, s stage) BackupOptions {
			t.Helper()
			to := s.crash(t)
			remove(t, to)
			return BackupOptions{From: s.backup, To: to}
		}, ErrLogLeft, "has a write-ahead log beside it"},
		"a missing backup": {func(t *testing.T, s stage) BackupOptions {
			t.Helper()
			return BackupOptions{From: newCopyPath(t), To: s.crash(t), Replace: true}
		}, os.ErrNotExist, "file does not exist"},
		"a damaged backup": {func(t *testing.T, s stage) BackupOptions {
			t.Helper()
			return BackupOptions{From: damagedFile(t), To: s.crash(t), Replace: true}
		}, ErrDamaged, "check the copy of"},
		"a backup of another program": {func(t *testing.T, s stage) BackupOptions {
			t.Helper()
			path := newCopyPath(t)
			statements(t, path, "CREATE TABLE other (a)")
			return BackupOptions{From: path, To: s.crash(t), Replace: true}
		}, nil, "is another program's database"},
		"the database itself": {func(t *testing.T, s stage) BackupOptions {
			t.Helper()
			to := s.crash(t)
			return BackupOptions{From: to, To: to, Replace: true}
		}, nil, "is the database itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := row.options(t, newBackup(t))
			before := strings.Join(contents(t, filepath.Dir(options.To)), " ")
			_, err := Restore(t.Context(), options)
			if err == nil || row.want != nil && !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.text) {
				t.Errorf("error %v, expected %v: %s", err, row.want, row.text)
			}
			if after := strings.Join(contents(t, filepath.Dir(options.To)), " "); after != before {
				t.Errorf("left are %v, before %v", after, before)
			}
		})
	}
}

func TestRestore_StopsWithContext(t *testing.T) {
	t.Parallel()
	s := newBackup(t)
	to := s.crash(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Restore(ctx, BackupOptions{From: s.backup, To: to, Replace: true, Progress: func(BackupProgress) { cancel() }})
	if !errors.Is(err, context.Canceled) || len(contents(t, filepath.Dir(to))) != 3 {
		t.Errorf("%v, left are %v", err, contents(t, filepath.Dir(to)))
	}
}

// TestMigrate_RefusesLogWithoutFile: SQLite would delete the log of a database whose file
// was moved away, for example by a restore that was interrupted.
func TestMigrate_RefusesLogWithoutFile(t *testing.T) {
	t.Parallel()
	s := newBackup(t)
	path := s.crash(t)
	away := path + ".away"
	rename(t, path, away)
	if _, err := Migrate(t.Context(), path); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "Keep the log") {
		t.Errorf("migrate: %v", err)
	}
	rename(t, away, path)
	if stats, err := open(t, Options{Path: path}).Stats(t.Context()); err != nil || stats.Stored != 4 {
		t.Errorf("the database has %+v, %v", stats, err)
	}
}
