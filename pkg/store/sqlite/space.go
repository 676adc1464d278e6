package sqlite

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/eventagg/eventagg/pkg/disk"
)

// checkSpace fails with [ErrSpace] unless the file system of the folder has that many
// bytes. A backup that fills the disk of the database would stop the running store.
func checkSpace(folder string, need int64) error {
	found, err := disk.Of(folder)
	if err != nil || found.Total == 0 {
		return nil //nolint:nilerr // not every file system knows its free space; writing fails if it is too small
	}
	if found.Free < need {
		return fmt.Errorf("%w: %s needs %s and has %s", ErrSpace, folder, humanize.IBytes(uint64(need)), humanize.IBytes(uint64(found.Free)))
	}
	return nil
}
