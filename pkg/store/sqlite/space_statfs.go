//go:build linux || darwin

package sqlite

import (
	"fmt"
	"syscall"

	"github.com/dustin/go-humanize"
)

// checkSpace fails with [ErrSpace] unless the file system of the folder has that many
// bytes. A backup that fills the disk of the database would stop the running store.
func checkSpace(folder string, need int64) error {
	var found syscall.Statfs_t
	if err := syscall.Statfs(folder, &found); err != nil || found.Blocks == 0 {
		return nil //nolint:nilerr // not every file system knows its free space; writing fails if it is too small
	}
	free := uint64(found.Bavail) * uint64(found.Bsize)
	if free < uint64(need) {
		return fmt.Errorf("%w: %s needs %s and has %s", ErrSpace, folder, humanize.IBytes(uint64(need)), humanize.IBytes(free))
	}
	return nil
}
