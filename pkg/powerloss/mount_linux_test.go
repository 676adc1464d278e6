package powerloss_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/eventagg/eventagg/pkg/powerloss"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestMount_PassesSyncsOn changes files with system calls: the kernel passes each fsync
// on, also that of a folder and that of each write with O_SYNC.
func TestMount_PassesSyncsOn(t *testing.T) {
	t.Parallel()
	folder := testdb.Folder(t)
	disk := powerloss.New(powerloss.Options{StrictNames: true})
	mounted(t, folder, disk, func() {
		write(t, filepath.Join(folder, "synced"), 0, true)
		write(t, filepath.Join(folder, "O_SYNC"), os.O_SYNC, false)
		write(t, filepath.Join(folder, "unsynced"), 0, false)
		fsync(t, folder)
		write(t, filepath.Join(folder, "unnamed"), 0, true)
		if err := os.Rename(filepath.Join(folder, "synced"), filepath.Join(folder, "renamed")); err != nil {
			t.Error(err)
		}
	})
	mounted(t, folder, disk.Cut(powerloss.Options{}), func() {
		for name, want := range map[string]string{"synced": "text", "O_SYNC": "text", "unsynced": ""} {
			if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != want {
				t.Errorf("%s after the power loss: %q, %v", name, got, err)
			}
		}
		if entries, err := os.ReadDir(folder); err != nil || len(entries) != 3 {
			t.Errorf("files after the power loss: %v, %v", entries, err)
		}
	})
}

func write(t *testing.T, path string, flags int, sync bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("text"); err != nil {
		t.Error(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Error(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func fsync(t *testing.T, folder string) {
	t.Helper()
	f, err := os.Open(folder)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// mounted mounts the disk for the time of a function.
func mounted(t *testing.T, folder string, disk *powerloss.Disk, use func()) {
	t.Helper()
	unmount, err := disk.Mount(folder)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, os.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		t.Skipf("skipped: no file system in user space can be mounted here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}()
	use()
}
