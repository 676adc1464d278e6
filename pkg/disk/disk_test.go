package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/eventagg/eventagg/pkg/disk"
)

func TestOf(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has names of file systems")
	}
	usage, err := disk.Of(t.TempDir())
	if err != nil || usage.Total <= 0 || usage.Free < 0 || usage.Free > usage.Total || usage.Kind == "" {
		t.Errorf("%+v, %v", usage, err)
	}
	if _, err := disk.Of(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := os.Stat("/dev/shm"); err == nil {
		if memory, err := disk.Of("/dev/shm"); err != nil || memory.Kind != disk.Memory {
			t.Errorf("/dev/shm: %+v, %v, expected a file system in memory", memory, err)
		}
	}
}
