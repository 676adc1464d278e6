package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/eventagg/eventagg/pkg/store"
)

const (
	walSuffix     = "-wal"
	shmSuffix     = "-shm"
	journalSuffix = "-journal"
	// walLimitBytes is the size to which SQLite cuts the WAL when it starts it
	// again. It is above checkpointPages, so that normal work never cuts it.
	walLimitBytes  = 64 << 20
	walHeaderBytes = 32
	// walMagic are the first four bytes of a WAL; the lowest bit may be set.
	walMagic = 0x377f0682
)

var (
	// errWALRemoved means that the WAL has no name any more. Its frames can still
	// be copied into the database file.
	errWALRemoved = errors.New("the write-ahead log was removed while it was in use")
	// errWALConflict means that a checkpoint would damage the database file.
	errWALConflict = errors.New("do not copy over or delete these files while eventagg runs; stop eventagg, keep a copy of the file " +
		"and those beside it (-wal, -shm), then start it again")
)

// wal guards the two files beside the database file. SQLite keeps them open and
// does not notice if they are deleted: it would report commits that no later start
// can find. The guard compares the files at the paths with those that were opened.
//
// It never opens the database file or the -shm file: closing them would release
// SQLite's locks, which belong to the process.
type wal struct {
	path     string // of the database file
	log, shm os.FileInfo
	file     *os.File // the WAL, to read its header

	mu     sync.Mutex
	header [walHeaderBytes]byte // when it was checked last
	size   int64
}

// openWAL must be called while a connection has both files open.
func openWAL(path string) (*wal, error) {
	w := &wal{path: path}
	var err error
	if w.file, err = os.Open(path + walSuffix); err != nil {
		return nil, fmt.Errorf("open the write-ahead log: %w: %w", store.ErrUnavailable, err)
	}
	if w.log, err = w.file.Stat(); err == nil {
		w.shm, err = os.Stat(path + shmSuffix)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the files beside the database: %w: %w", store.ErrUnavailable, err), w.file.Close())
	}
	return w, nil
}

// check fails if the next start could not find what is committed now.
func (w *wal) check() error {
	log, err := os.Stat(w.path + walSuffix)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errWALRemoved
	case err != nil:
		return fmt.Errorf("find the write-ahead log: %w", err)
	case !os.SameFile(log, w.log) && log.Size() == 0: // another program opened the database and wrote nothing
		return errWALRemoved
	case !os.SameFile(log, w.log):
		return fmt.Errorf("the write-ahead log was replaced while it was in use: %w", errWALConflict)
	}
	shm, err := os.Stat(w.path + shmSuffix)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the file %s was removed while it was in use; stop eventagg and start it again, no event is lost", w.path+shmSuffix)
	case err != nil:
		return fmt.Errorf("find the file %s: %w", w.path+shmSuffix, err)
	case !os.SameFile(shm, w.shm):
		return fmt.Errorf("the file %s was replaced while it was in use: %w", w.path+shmSuffix, errWALConflict)
	}
	return w.checkTruncated()
}

// checkTruncated fails if another program made the WAL shorter. SQLite itself makes
// it empty, or cuts it to walLimitBytes after it has written a new header.
func (w *wal) checkTruncated() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	log, err := w.file.Stat()
	if err != nil {
		return fmt.Errorf("read the write-ahead log: %w", err)
	}
	var header [walHeaderBytes]byte
	if _, err := w.file.ReadAt(header[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the write-ahead log: %w", err)
	}
	size := log.Size()
	valid := size == 0 || size >= walHeaderBytes && binary.BigEndian.Uint32(header[:])&^1 == walMagic
	if !valid || size > 0 && size < min(w.size, walLimitBytes) && header == w.header {
		return fmt.Errorf("the write-ahead log was truncated while it was in use: %w", errWALConflict)
	}
	w.size, w.header = size, header
	return nil
}

// bytes returns the size of the WAL, also after it was removed.
func (w *wal) bytes() (int64, error) {
	log, err := w.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("read the write-ahead log: %w", err)
	}
	return log.Size(), nil
}

// checkWAL fails if a WAL beside the database file certainly belongs to another
// file, for example because a backup was copied over the database while the WAL of
// a crashed process was left. SQLite would copy its pages into the file and damage
// it. Neither file names the other, so checkWAL compares the size: the file must
// have at least the pages from before the first transaction of the WAL, and at most
// those of its largest one.
func checkWAL(path string) error {
	for attempt := 0; ; attempt++ {
		minimum, maximum, err := walPages(path + walSuffix)
		if err != nil || maximum == 0 {
			return err
		}
		file, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) { // SQLite would delete the log
			return fmt.Errorf("%w: the write-ahead log %s is there, but the database file %s is not. Move the file to where it was, "+
				"or the log to another folder. Keep the log: it has events", store.ErrUnavailable, path+walSuffix, path)
		}
		if err != nil {
			return fmt.Errorf("find the database file: %w: %w", store.ErrUnavailable, err)
		}
		size := file.Size()
		switch {
		case size >= minimum && size <= maximum:
			return nil
		case attempt > 0: // the first time, another process may have written between the two reads
			return fmt.Errorf("%w: the write-ahead log %s does not belong to the database file %s: it starts at %d bytes or more "+
				"and ends at %d, and the file has %d. To use the file as it is, for example after a restore, move the log and the -shm file "+
				"to another folder and start again. Keep them: they belong to the file that was here before",
				store.ErrUnavailable, path+walSuffix, path, minimum, maximum, size)
		}
	}
}

// walPages returns the minimum and the maximum size of a database file in bytes that
// the WAL can belong to. They are 0 if the WAL is missing or has no transaction.
func walPages(path string) (minimum, maximum int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("open the write-ahead log: %w: %w", store.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var header [walHeaderBytes]byte
	if n, _ := file.ReadAt(header[:], 0); n < len(header) || binary.BigEndian.Uint32(header[:])&^1 != walMagic {
		return 0, 0, nil // SQLite ignores it
	}
	pageBytes := int64(binary.BigEndian.Uint32(header[8:]))
	salt := binary.BigEndian.Uint64(header[16:])
	const frameHeaderBytes = 24
	var frame [frameHeaderBytes]byte
	var frames, first, largest, smallest int64 // in pages
	for at := int64(walHeaderBytes); ; at += frameHeaderBytes + pageBytes {
		if n, _ := file.ReadAt(frame[:], at); n < len(frame) || binary.BigEndian.Uint64(frame[8:]) != salt {
			return smallest * pageBytes, largest * pageBytes, nil
		}
		frames++
		committed := int64(binary.BigEndian.Uint32(frame[4:])) // pages of the file, in the last frame of a transaction
		if committed == 0 {
			continue
		}
		if largest == 0 { // each page that the transaction added has a frame
			first = max(0, committed-frames)
			smallest = first
		}
		smallest, largest = min(smallest, committed), max(largest, committed)
	}
}
