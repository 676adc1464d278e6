package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/eventagg/eventagg/pkg/disk"
)

// Facts are what [Inspect] found out about a database file: facts, without a judgement.
type Facts struct {
	// Path is the absolute path of the file. Exists is set if it is there.
	Path   string
	Exists bool
	// Unusable is why a store can't work with the file as it is now, such as a damaged
	// file or a folder in which no file can be created. It is nil if a store can.
	Unusable error
	// NoTables is set if the file does not exist or has no tables yet.
	NoTables bool
	// Bytes and WALBytes are the sizes of the file and of its write-ahead log.
	Bytes, WALBytes int64
	// JournalMode is the one of the file, such as wal, while a process uses it; a store
	// sets it when it opens the file. Otherwise it is empty.
	JournalMode string
	// Disk is the file system of the folder. DiskUnknown is why it is not known.
	Disk        disk.Usage
	DiskUnknown string
	// SyncTime is how long a small write to the folder takes until it is on the disk.
	SyncTime time.Duration
	// Damage is what an integrity check found; empty for none. CheckUnknown is why the
	// check is not complete.
	Damage, CheckUnknown string
	// Open is the mode bits of the file that let other users of the machine read or
	// write it, such as 0044.
	Open os.FileMode
}

// InspectOptions configure [Inspect].
type InspectOptions struct {
	// CheckTimeout is the maximum time of the integrity check. 0 means no check.
	CheckTimeout time.Duration
	// LocationOnly is set to look only where the file is. Nothing is opened or written.
	LocationOnly bool
}

// Inspect reads the facts about a database file that decide what a store on it can
// promise. It also works while another process uses the file. It changes nothing in the
// file. In its folder it writes a small file for a moment, to see whether that works. Its
// error means that the path is not valid.
func Inspect(ctx context.Context, path string, options InspectOptions) (*Facts, error) {
	path, err := checkPath(path)
	if err != nil {
		return nil, err
	}
	f := &Facts{Path: path}
	f.inspectLocation()
	if options.LocationOnly {
		f.CheckUnknown = "not checked"
		return f, nil
	}
	if f.SyncTime, err = tryWrite(filepath.Dir(path)); err != nil {
		f.Unusable = fmt.Errorf("write to the folder %s: %w", filepath.Dir(path), err)
	}
	file, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.NoTables = true
		return f, nil
	case err != nil:
		f.Unusable = fmt.Errorf("find the database file: %w", err)
		return f, nil
	}
	f.Exists, f.Bytes, f.Open = true, file.Size(), file.Mode().Perm()&0o077
	if log, err := os.Stat(path + walSuffix); err == nil {
		f.WALBytes = log.Size()
	}
	if f.Unusable == nil {
		f.Unusable = f.inspectFile(ctx, options)
	}
	return f, ctx.Err()
}

// inspectLocation looks at the file system of the folder.
func (f *Facts) inspectLocation() {
	var err error
	if f.Disk, err = disk.Of(filepath.Dir(f.Path)); err != nil {
		f.DiskUnknown = err.Error()
	}
}

// trialBytes is the size of the file that tryWrite writes.
const trialBytes = 64 << 10

// tryWrite writes and syncs a file in a folder and removes it. It returns the time of
// the write and the sync.
func tryWrite(folder string) (_ time.Duration, err error) {
	file, err := os.CreateTemp(folder, ".eventagg-doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	begin := time.Now()
	if _, err := file.Write(make([]byte, trialBytes)); err != nil {
		return 0, err
	}
	if err := file.Sync(); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

// inspectFile opens the file for reading and returns why it can't be used.
func (f *Facts) inspectFile(ctx context.Context, options InspectOptions) error {
	if err := checkWAL(f.Path); err != nil {
		return err
	}
	if err := writable(f.Path); err != nil {
		return err
	}
	// A reader makes the files -wal and -shm. They would belong to this user, which may
	// be another one than that of serve. Without a log nothing writes to the file, so it
	// can be read without them.
	idle := !exists(f.Path + walSuffix)
	err := f.readFile(ctx, options, idle)
	if idle && exists(f.Path+walSuffix) { // a process has begun to write meanwhile
		f.Damage, f.CheckUnknown = "", ""
		err = f.readFile(ctx, options, false)
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readFile reads the file; immutable says that no process writes to it.
func (f *Facts) readFile(ctx context.Context, options InspectOptions, immutable bool) error {
	open := openReaders
	if immutable {
		open = openImmutable
	}
	db, err := open(f.Path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	found, err := inspect(ctx, db, f.Path)
	if err != nil {
		return err
	}
	if found.version == 0 {
		f.NoTables = true
		return nil
	}
	if !immutable {
		if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&f.JournalMode); err != nil {
			return translate(ctx, err, "read the journal mode")
		}
	}
	if err := checkSchema(ctx, db, f.Path); err != nil {
		return err
	}
	return f.checkIntegrity(ctx, db, options.CheckTimeout)
}

// writable reports whether this user may write the file. It opens nothing: closing a
// database file releases the locks of SQLite on it.
func writable(path string) error {
	if err := mayWrite(path); err != nil {
		return fmt.Errorf("write the database file %s: %w", path, err)
	}
	return nil
}

// checkIntegrity looks for damage in all pages, unless that takes too long.
func (f *Facts) checkIntegrity(ctx context.Context, db *stdsql.DB, timeout time.Duration) error {
	if timeout == 0 {
		f.CheckUnknown = "not checked"
		return nil
	}
	short, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var found string
	err := db.QueryRowContext(short, "PRAGMA quick_check(1)").Scan(&found)
	switch {
	case err == nil && found != "ok":
		f.Damage = found
	case err != nil && short.Err() != nil:
		f.CheckUnknown = fmt.Sprintf("the check of %d bytes takes longer than %s", f.Bytes, timeout)
	case err != nil:
		return translate(ctx, err, "check the database file")
	}
	return nil
}
