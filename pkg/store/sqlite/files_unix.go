//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// lockExclusively locks a database file against every other process, unless one has it open.
// SQLite keeps a shared lock on the same bytes while a file with a write-ahead log is
// open (https://www.sqlite.org/src/file/src/os.h). A missing file needs no lock.
//
// This process must not open the file before unlock: closing it would release the lock.
func lockExclusively(path string) (unlock func(), err error) {
	const pendingByte, lockBytes = 0x40000000, 512
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock the database file: %w", err)
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: pendingByte, Len: lockBytes}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("%s %w", path, ErrInUse)
		}
		return nil, fmt.Errorf("lock the database file: %w", err)
	}
	return func() { _ = file.Close() }, nil
}

// giveToOwner gives a file that root creates to the owner of the file that it replaces,
// or of the folder, so that eventagg can open it as the user that it runs as.
func giveToOwner(file *os.File, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}
