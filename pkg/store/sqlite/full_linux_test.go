package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// mounted returns a file system of its own, which only root can make.
func mounted(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mount a file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// TestBackup_FullFileSystem: a backup that does not fit is refused before it fills the
// disk, and one that fails in the middle leaves nothing.
func TestBackup_FullFileSystem(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	for i := range 8 {
		e := newEvent(fmt.Sprint(i))
		e.Payload = `{"k":"` + strings.Repeat("y", 900_000) + `"}`
		if _, err := s.Append(t.Context(), []event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	for size, text := range map[string]string{"16m": "needs 7", "80m": "database or disk is full"} {
		dir := mounted(t, size)
		_, err := Backup(t.Context(), BackupOptions{From: s.path, To: filepath.Join(dir, "copy.db"), Progress: func(BackupProgress) {
			// After the first 4 MiB another program fills the disk.
			_ = os.WriteFile(filepath.Join(dir, "other"), make([]byte, 80<<20), 0o600)
		}})
		if !errors.Is(err, ErrSpace) || !strings.Contains(err.Error(), text) {
			t.Errorf("with %s: %v", size, err)
		}
		_ = os.Remove(filepath.Join(dir, "other"))
		if names := contents(t, dir); len(names) != 0 {
			t.Errorf("left are %v", names)
		}
	}
}

// TestAppend_FullFileSystem fills a real file system and then makes it larger. No acknowledged event is lost, and no restart is needed.
func TestAppend_FullFileSystem(t *testing.T) {
	t.Parallel()
	dir := mounted(t, "2m")
	options := Options{Path: filepath.Join(dir, "events.db")}
	if _, err := Migrate(t.Context(), options.Path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // before the file system is unmounted
	var stored []event.Event
	fill := func(appends int) (err error) {
		for range appends {
			e := newEvent(fmt.Sprint("event ", len(stored)))
			e.Payload = `{"k":"` + strings.Repeat("y", 20_000) + `"}`
			if _, err = s.Append(t.Context(), []event.Event{e}); err != nil {
				return err
			}
			stored = append(stored, e)
		}
		return nil
	}
	if err := fill(500); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "the disk is full") {
		t.Fatalf("after %d events: %v", len(stored), err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("ping on a full disk: %v", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping with space: %v", err)
	}
	if err := fill(10); err != nil {
		t.Errorf("append with space: %v", err)
	}
	for _, e := range stored {
		if got, err := s.Event(t.Context(), e.Key()); err != nil || got.Event != e {
			t.Fatalf("an acknowledged event: %v", err)
		}
	}
}
