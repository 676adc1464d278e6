package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/atomicfile"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// newCopyPath returns a path in an empty folder.
func newCopyPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "50% done? #1.db")
}

// contents returns the names in a folder.
func contents(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// TestBackup_CopiesWhileStoreWrites: each copy has a whole number of transactions, and
// at least those that were committed when the backup began.
func TestBackup_CopiesWhileStoreWrites(t *testing.T) {
	t.Parallel()
	const batch = 50
	s := openNew(t, Options{})
	running, stop := context.WithCancel(t.Context())
	group, _ := errgroup.WithContext(t.Context())
	group.Go(func() error {
		for n := 0; running.Err() == nil; n += batch {
			events := make([]event.Event, batch)
			for i := range events {
				events[i] = newEvent(fmt.Sprint(n + i))
				events[i].Payload = `{"k":"` + strings.Repeat("y", 500) + `"}`
			}
			if _, err := s.Append(t.Context(), events); err != nil { //nolint:contextcheck // running only says when to stop
				return err
			}
		}
		return nil
	})
	for round := range 3 {
		before, err := s.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		to := newCopyPath(t)
		var last BackupProgress
		got, err := Backup(t.Context(), BackupOptions{From: s.path, To: to, Quick: round > 0, Progress: func(p BackupProgress) { last = p }})
		if err != nil {
			t.Fatal(err)
		}
		if got.Stats.Stored < before.Stored || got.Stats.Stored%batch != 0 || !last.Checking || last.Copied != got.Bytes || last.Total != got.Bytes {
			t.Errorf("copied %+v of at least %d events, progress %+v", got, before.Stored, last)
		}
		if info, err := os.Stat(to); err != nil || info.Size() != got.Bytes || info.Mode() != 0o600 || len(contents(t, filepath.Dir(to))) != 1 {
			t.Errorf("%+v, %v, left are %v", info, err, contents(t, filepath.Dir(to)))
		}
		checkEvents(t, open(t, Options{Path: to}), got.Stats.Stored)
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// checkEvents fails unless the store has the events 0 to n-1 in this order.
func checkEvents(t *testing.T, s *Store, n int64) {
	t.Helper()
	records, _, err := s.Newer(t.Context(), store.Filter{}, store.Position{}, int(n)+1)
	if err != nil || int64(len(records)) != n {
		t.Fatalf("%d events, expected %d: %v", len(records), n, err)
	}
	for i, record := range records {
		if record.ID != fmt.Sprint(i) {
			t.Fatalf("event %d is %q", i, record.ID)
		}
	}
}

// TestBackup_AcceptsWhatRetentionDropped: identities without data, and counters without
// identities, are no damage there.
func TestBackup_AcceptsWhatRetentionDropped(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	appendAll(t, s, "0", "1", "2")
	now := time.Now().Add(time.Minute)
	for _, retention := range []store.Retention{{DataBefore: now}, {DataBefore: now, IdentitiesBefore: now}} {
		for more := true; more; {
			step, err := s.Retain(t.Context(), retention)
			if err != nil {
				t.Fatal(err)
			}
			more = step.More
		}
		appendAll(t, s, fmt.Sprint("kept ", retention.IdentitiesBefore.IsZero()))
		got, err := Backup(t.Context(), BackupOptions{From: s.path, To: newCopyPath(t)})
		if err != nil || got.Stats.Kept != 1 || got.Stats.Stored < 4 {
			t.Errorf("copied %+v, %v", got, err)
		}
	}
	statements(t, s.path, "DELETE FROM events")
	if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: newCopyPath(t)}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a kept event is missing: %v", err)
	}
}

func TestBackup_ContainsLogOfCrashedProcess(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	appendAll(t, s, "0", "1")
	crashed := newCopyPath(t)
	copyFile(t, s.path, crashed)
	copyFile(t, s.path+walSuffix, crashed+walSuffix)
	to := newCopyPath(t)
	got, err := Backup(t.Context(), BackupOptions{From: crashed, To: to})
	if err != nil || got.Stats.Stored != 2 {
		t.Errorf("copied %+v, %v", got, err)
	}
	if names := contents(t, filepath.Dir(crashed)); len(names) != 1 {
		t.Errorf("beside the database are %v", names)
	}
}

func TestBackup_Errors(t *testing.T) {
	t.Parallel()
	existing := func(t *testing.T, _ string) BackupOptions {
		t.Helper()
		return BackupOptions{From: newPath(t)}
	}
	changed := func(texts ...string) func(*testing.T, string) BackupOptions {
		return func(t *testing.T, _ string) BackupOptions {
			t.Helper()
			s := openNew(t, Options{})
			appendAll(t, s, "0", "1")
			statements(t, s.path, texts...)
			return BackupOptions{From: s.path}
		}
	}
	for name, row := range map[string]struct {
		from func(t *testing.T, to string) BackupOptions
		want error
		text string
	}{
		"a missing database": {func(t *testing.T, _ string) BackupOptions {
			t.Helper()
			return BackupOptions{From: newCopyPath(t)}
		}, fs.ErrNotExist, ".db: file does not exist"},
		"an existing file is kept": {func(t *testing.T, to string) BackupOptions {
			t.Helper()
			write(t, to, "old")
			return existing(t, to)
		}, atomicfile.ErrExists, "already exists"},
		"another program's database": {func(t *testing.T, _ string) BackupOptions {
			t.Helper()
			path := newCopyPath(t)
			statements(t, path, "CREATE TABLE other (a)")
			return BackupOptions{From: path}
		}, nil, "is another program's database"},
		"a text": {func(t *testing.T, _ string) BackupOptions {
			t.Helper()
			return BackupOptions{From: write(t, newCopyPath(t), strings.Repeat("not a database ", 100))}
		}, store.ErrUnavailable, "damaged or not a SQLite database"},
		"a database without tables": {func(t *testing.T, _ string) BackupOptions {
			t.Helper()
			return BackupOptions{From: write(t, newCopyPath(t), "")}
		}, nil, "has no tables of eventagg"},
		"damaged pages": {func(t *testing.T, _ string) BackupOptions {
			t.Helper()
			return BackupOptions{From: damagedFile(t)}
		}, ErrDamaged, "check the copy of"},
		"a topic's counter that differs": {changed("UPDATE topics SET stored_events = 3"), ErrDamaged, `topic "topic" has a counter of 3, 2 identities, 2 of them of kept events, and 2 events`},
		"an event without identity":      {changed("DELETE FROM identities WHERE event = 1"), ErrDamaged, "a counter of 2, 1 identities, 1 of them of kept events, and 2 events"},
		"an identity without event":      {changed("DELETE FROM events WHERE id = 1"), ErrDamaged, "a counter of 2, 2 identities, 2 of them of kept events, and 1 events"},
		"a total that differs":           {changed("UPDATE totals SET duplicate_events = 1"), ErrDamaged, "the totals differ"},
		"an identity without topic":      {changed("UPDATE identities SET topic_no = 7 WHERE event = 1"), ErrDamaged, "identities"},
		"a log of another file": {func(t *testing.T, to string) BackupOptions {
			t.Helper()
			s := openNew(t, Options{})
			appendAll(t, s, "1")
			options := existing(t, to)
			write(t, options.From, "")
			copyFile(t, s.path+walSuffix, options.From+walSuffix)
			return options
		}, store.ErrUnavailable, "does not belong to the database file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newCopyPath(t)
			options := row.from(t, to)
			before := contents(t, filepath.Dir(to))
			options.To = to
			_, err := Backup(t.Context(), options)
			if err == nil || row.want != nil && !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.text) {
				t.Errorf("error %v, expected %v: %s", err, row.want, row.text)
			}
			if after := contents(t, filepath.Dir(to)); len(after) != len(before) {
				t.Errorf("left are %v", after)
			}
		})
	}
}

// damagedFile returns a closed database whose page with the identities is overwritten.
func damagedFile(t *testing.T) string {
	t.Helper()
	s := openNew(t, Options{})
	appendAll(t, s, "0")
	var page int64
	if err := s.readers.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'identities'").Scan(&page); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const pageBytes = 4096
	_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, pageBytes), (page-1)*pageBytes)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return s.path
}

// TestBackup_KeepsFilesOfDatabases: with Replace, too, a backup replaces no file that a
// database needs.
func TestBackup_KeepsFilesOfDatabases(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	appendAll(t, s, "1")
	folder := filepath.Dir(s.path)
	symbolic, hard, inUse := filepath.Join(t.TempDir(), "link.db"), filepath.Join(folder, "hard.db"), openNew(t, Options{})
	appendAll(t, inUse, "1")
	if err := errors.Join(os.Symlink(s.path, symbolic), os.Link(s.path, hard)); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		to   string
		want error
	}{
		"the database itself":           {s.path, ErrOwnFile},
		"a symbolic link to it":         {symbolic, ErrOwnFile},
		"another name of the same file": {hard, ErrOwnFile},
		"its write-ahead log":           {s.path + walSuffix, ErrOwnFile},
		"its shared memory":             {s.path + shmSuffix, ErrOwnFile},
		"a journal that could be read":  {s.path + journalSuffix, ErrOwnFile},
		"another database in use":       {inUse.path, ErrLogLeft},
	} {
		before := contents(t, folder)
		if _, err := Backup(t.Context(), BackupOptions{From: s.path, To: row.to, Replace: true}); !errors.Is(err, row.want) {
			t.Errorf("%s: error %v, expected %v", name, err, row.want)
		}
		if after := contents(t, folder); len(after) != len(before) {
			t.Errorf("%s: left are %v, before %v", name, after, before)
		}
	}
	appendAll(t, s, "2")
	appendAll(t, inUse, "2")
}

func TestBackup_StopsWithContext(t *testing.T) {
	t.Parallel()
	for name, checking := range map[string]bool{"while it copies": false, "while it checks": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openNew(t, Options{})
			appendAll(t, s, "0")
			ctx, cancel := context.WithCancel(t.Context())
			to := newCopyPath(t)
			_, err := Backup(ctx, BackupOptions{From: s.path, To: to, Progress: func(p BackupProgress) {
				if p.Checking == checking {
					cancel()
				}
			}})
			if !errors.Is(err, context.Canceled) || len(contents(t, filepath.Dir(to))) != 0 {
				t.Errorf("%v, left are %v", err, contents(t, filepath.Dir(to)))
			}
			appendAll(t, s, "1")
		})
	}
}
