package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(content))
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func appendAll(t *testing.T, s *Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if outcomes, err := s.Append(t.Context(), []event.Event{newEvent(id)}); err != nil || outcomes[0] != event.Stored {
			t.Fatalf("append of %s: %v, %v", id, outcomes, err)
		}
	}
}

// storedAfterCrash returns how many events a copy of the database file alone has.
// It reads the copy in another process's place: the file is on the disk as after a crash.
func storedAfterCrash(t *testing.T, s *Store) int64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crashed.db")
	copyFile(t, s.path, path)
	if _, err := Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	stats, err := open(t, Options{Path: path}).Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Stored
}

// TestAppend_FailsAfterWALChanged changes the files beside the database of a running
// store. No later append succeeds, Ping fails and names the cause, and the events
// from before are in the database file if that can be done safely.
func TestAppend_FailsAfterWALChanged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path string)
		cause  string
		saved  bool
	}{
		{"the log is removed", func(t *testing.T, path string) {
			t.Helper()
			remove(t, path+walSuffix)
		}, "none is lost; restart", true},
		{"the log and the index are removed", func(t *testing.T, path string) {
			t.Helper()
			remove(t, path+walSuffix, path+shmSuffix)
		}, "none is lost; restart", true},
		{"both are removed and another program opens the database", func(t *testing.T, path string) {
			t.Helper()
			remove(t, path+walSuffix, path+shmSuffix)
			write(t, path+walSuffix, "")
			write(t, path+shmSuffix, "")
		}, "none is lost; restart", true},
		{"another program has written to a new log", func(t *testing.T, path string) {
			t.Helper()
			remove(t, path+walSuffix)
			write(t, path+walSuffix, strings.Repeat("x", 5000))
		}, "log was replaced", false},
		{"the log is emptied before more is written", func(t *testing.T, path string) {
			t.Helper()
			write(t, path+walSuffix, strings.Repeat("\x00", 9000))
		}, "log was truncated", false},
		{"the log is cut", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Truncate(path+walSuffix, 5000); err != nil {
				t.Fatal(err)
			}
		}, "log was truncated", false},
		{"the index is removed", func(t *testing.T, path string) {
			t.Helper()
			remove(t, path+shmSuffix)
		}, "stop eventagg and start it again", false},
		{"the index is replaced", func(t *testing.T, path string) {
			t.Helper()
			remove(t, path+shmSuffix)
			write(t, path+shmSuffix, "")
		}, "was replaced", false},
		{"the folder is moved", func(t *testing.T, path string) {
			t.Helper()
			folder := filepath.Dir(path)
			rename(t, folder, folder+".moved")
			t.Cleanup(func() { rename(t, folder+".moved", folder) })
		}, "file was removed", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Options{Path: newPath(t)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // Close leaves the pools open if a checkpoint would do damage
				_ = errors.Join(s.Close(), s.readers.Close(), s.writer.Close())
			})
			appendAll(t, s, "1", "2", "3")
			test.change(t, s.path)
			if test.saved { // tried again each second while a connection holds a snapshot
				suitetest.Eventually(t, "the events are saved", s.saved.Load)
			}
			_, err = s.Append(t.Context(), []event.Event{newEvent("4")})
			if !errors.Is(err, store.ErrUnavailable) || !store.NothingStored(err) ||
				!strings.Contains(err.Error(), test.cause) {
				t.Errorf("append: %v, want ErrUnavailable with %q and nothing stored", err, test.cause)
			}
			if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), test.cause) {
				t.Errorf("ping: %v, want ErrUnavailable with %q", err, test.cause)
			}
			if test.saved {
				if stored := storedAfterCrash(t, s); stored != 3 {
					t.Errorf("after a crash the database file has %d events, want 3", stored)
				}
			}
		})
	}
}

func TestStore_SavesEventsOfRemovedWALWithoutTraffic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := openNew(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	appendAll(t, s, "1", "2")
	remove(t, s.path+walSuffix)
	suitetest.Eventually(t, "the events are saved", s.saved.Load)
	if stored := storedAfterCrash(t, s); stored != 2 {
		t.Errorf("after a crash the database file has %d events, want 2", stored)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "database files changed while in use") {
		t.Errorf("the log does not name the problem:\n%s", &log)
	}
}

func TestStore_CopyOfIdleFileIsWhole(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	appendAll(t, s, "1", "2", "3")
	suitetest.Eventually(t, "the log is empty", func() bool {
		size, err := s.WALBytes()
		return err == nil && size == 0
	})
	if stored := storedAfterCrash(t, s); stored != 3 {
		t.Errorf("a copy of the idle file has %d events, want 3", stored)
	}
	appendAll(t, s, "4")
}

// TestAppend_CutsWALAfterLongRead lets the log grow beside a reader, as a backup
// program does. When the reader has ended, the next appends cut the log.
func TestAppend_CutsWALAfterLongRead(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	appendAll(t, s, "1")
	rows, err := s.readers.QueryContext(t.Context(), "SELECT 1 FROM events UNION ALL SELECT 2") // holds its snapshot
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	large := newEvent("")
	large.Payload = `{"long":"` + strings.Repeat("x", 16<<20) + `"}`
	for i := range 6 {
		large.ID = fmt.Sprint("large", i)
		if _, err := s.Append(t.Context(), []event.Event{large}); err != nil {
			t.Fatal(err)
		}
	}
	if size, err := s.WALBytes(); err != nil || size < walLimitBytes+walLimitBytes/4 {
		t.Errorf("the log has %d bytes beside a reader (%v), want more than the limit", size, err)
	}
	if err := errors.Join(rows.Close(), rows.Err()); err != nil { //nolint:sqlclosecheck // it ends in the middle of the test
		t.Fatal(err)
	}
	appendAll(t, s, "2", "3")
	if size, err := s.WALBytes(); err != nil || size > walLimitBytes {
		t.Errorf("the log has %d bytes after the reader (%v), want at most %d", size, err, walLimitBytes)
	}
}

// TestOpen_RefusesForeignWAL restores a backup over a crashed database and leaves
// the log of the crashed one beside it.
func TestOpen_RefusesForeignWAL(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	fill := func(s *Store, prefix string, count int) {
		batch := make([]event.Event, count)
		for i := range batch {
			batch[i] = newEvent(fmt.Sprint(prefix, i))
		}
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Options{Path: path})
	fill(s, "a", 1000)
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, at("early.db"))
	fill(s, "b", 1000)
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, at("crashed.db"))
	fill(s, "c", 100)
	copyFile(t, path+walSuffix, at("crashed.db"+walSuffix))
	fill(s, "d", 3000)
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path, at("late.db"))
	for _, test := range []struct {
		file    string
		refused bool
	}{{"early.db", true}, {"late.db", true}, {"crashed.db", false}} {
		restored := filepath.Join(t.TempDir(), "restored.db")
		copyFile(t, at(test.file), restored)
		copyFile(t, at("crashed.db"+walSuffix), restored+walSuffix)
		_, err := Migrate(t.Context(), restored)
		if refused := err != nil && strings.Contains(err.Error(), "does not belong to the database file"); refused != test.refused {
			t.Errorf("migrate with %s: %v, want refused %v", test.file, err, test.refused)
		}
		if !test.refused {
			continue
		}
		if _, err := Open(t.Context(), Options{Path: restored}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("open with %s: %v, want ErrUnavailable", test.file, err)
		}
		remove(t, restored+walSuffix)
		if _, err := open(t, Options{Path: restored}).Stats(t.Context()); err != nil {
			t.Errorf("open of %s without the log: %v", test.file, err)
		}
	}
	crashed := open(t, Options{Path: at("crashed.db")})
	if stats, err := crashed.Stats(t.Context()); err != nil || stats.Stored != 2100 {
		t.Errorf("the crashed database has %+v (%v), want 2100 events", stats, err)
	}
}

func TestStore_LogsTimeAheadOfClock(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := open(t, Options{Path: path})
	appendAll(t, s, "1")
	statements(t, path, "UPDATE events SET created_at = 4070908800000000")
	var log bytes.Buffer
	m := maintenance{store: s, log: slog.New(slog.NewTextHandler(&log, nil))}
	m.checkClock()
	m.checkClock()
	if strings.Count(log.String(), "newest stored time is ahead of the clock") != 1 {
		t.Errorf("want one warning, have:\n%s", &log)
	}
}
