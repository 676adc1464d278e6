package cmd

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/doctor"
)

// TestDoctor_FolderWithoutSpace has real file systems, which only root can make: a full
// one, and one that is mounted read-only.
func TestDoctor_FolderWithoutSpace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, folder string)
		lines   []string
	}{
		"full": {func(t *testing.T, folder string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(folder, "large"), make([]byte, 2<<20), 0o600); err == nil {
				t.Error("the file system is not full")
			}
		}, []string{"failure +database: usable +write to the folder .*no space left", "failure +database: disk +0 B of 1.0 MiB are free", "failure +database: file system +the file is in memory"}},
		"read-only": {func(t *testing.T, folder string) {
			t.Helper()
			if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=1m"); err != nil {
				t.Fatal(err)
			}
		}, []string{"failure +database: usable +write to the folder .*read-only file system", "unknown +database: integrity"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=1m"); err != nil {
				t.Skipf("mount a file system: %v", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(folder, 0); err != nil {
					t.Errorf("unmount: %v", err)
				}
			})
			test.prepare(t, folder)
			text, result, err := runDoctorAt(t, func(c *config.Config) { c.Database.URL = "sqlite:" + filepath.Join(folder, "eventagg.db") })
			wantReport(t, doctor.No, text, result, err, test.lines...)
		})
	}
}
