package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/eventagg/eventagg/pkg/store"
)

// Options say where the data is.
type Options struct {
	// Path is the database file, relative to the current folder or absolute.
	// SQLite keeps two more beside it, Path-wal and Path-shm: they belong to
	// the data, and are gone after an orderly end.
	Path string
	// Logger hears what is worth an operator's attention, default nobody.
	Logger *slog.Logger
	// Now is the clock for Record.CreatedAt, default [time.Now].
	Now func() time.Time
}

// Store is a [store.Store] in one file. Make one with [Open].
type Store struct {
	path    string
	file    os.FileInfo // what path was when it was opened
	now     func() time.Time
	writer  *stdsql.DB // one connection
	readers *stdsql.DB
	append  appendStatements
	read    readStatements

	mu     sync.Mutex // guards closed, and calls against a Wait in between
	closed bool
	calls  sync.WaitGroup
	freed  chan struct{} // closed when Close is done
}

var _ store.Store = (*Store)(nil)

// Open opens a database file that [Migrate] has prepared. A file that is
// missing, damaged, in use by another program or from another version is an
// error that says what to do.
func Open(ctx context.Context, options Options) (*Store, error) {
	path, err := checkPath(options.Path)
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no database file %s yet; run `eventagg migrate`: %w", path, store.ErrUnavailable)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w: %w", store.ErrUnavailable, err)
	}
	s := &Store{path: path, file: file, now: options.Now, freed: make(chan struct{})}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if options.Logger != nil {
		options.Logger.DebugContext(ctx, "database file opened", slog.String("path", path), slog.Int64("bytes", file.Size()))
	}
	return s, nil
}

// connect opens the pools, the writer's first: it makes the files that readers,
// who may not write, need to be there.
func (s *Store) connect(ctx context.Context) error {
	var err error
	if s.writer, err = openWriter(s.path, "rw"); err != nil {
		return err
	}
	if err := checkSchema(ctx, s.writer, s.path); err != nil {
		return err
	}
	if err := checkPages(ctx, s.writer, s.file.Size()); err != nil {
		return err
	}
	if s.append, err = prepareAppend(ctx, s.writer); err != nil {
		return err
	}
	if s.readers, err = openReaders(s.path); err != nil {
		return err
	}
	s.read, err = prepareRead(ctx, s.readers)
	return err
}

// checkedBytes is how large a file is looked through when it is opened; a
// larger one would keep its owner waiting, and tells of damage when it is read.
const checkedBytes = 64 << 20

// checkPages looks for damage in the whole of a small file.
func checkPages(ctx context.Context, db *stdsql.DB, size int64) error {
	if size > checkedBytes {
		return nil
	}
	const attempt = "check the database file"
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return translate(ctx, err, attempt)
	}
	if found != "ok" {
		return fmt.Errorf("%s: %w: %s (%s)", attempt, store.ErrUnavailable, hints(lib.SQLITE_CORRUPT), found)
	}
	return nil
}

// checkPath makes a path absolute, so that it stays the same file whatever the
// current folder becomes, and refuses what can be no database file.
func checkPath(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fmt.Errorf("%q is no database file; name one, such as eventagg.db", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the database file: %w", err)
	}
	folder, err := os.Stat(filepath.Dir(path))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("the folder %s of the database file does not exist; create it or name another file: %w",
			filepath.Dir(path), store.ErrUnavailable)
	case err != nil:
		return "", fmt.Errorf("find the database file: %w: %w", store.ErrUnavailable, err)
	case !folder.IsDir():
		return "", fmt.Errorf("%s is a file, so the database can't be in it; name another file", filepath.Dir(path))
	}
	if file, err := os.Stat(path); err == nil && !file.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file but a folder or a device; name a file for the database", path)
	}
	return path, nil
}

// enter begins a call and returns what ends it. It fails when the store is
// closed, the caller has gone, or the file has.
func (s *Store) enter(ctx context.Context, attempted string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("%s: %w", attempted, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", attempted, err)
	}
	if err := s.present(); err != nil {
		return nil, fmt.Errorf("%s: %w", attempted, err)
	}
	s.calls.Add(1)
	return s.calls.Done, nil
}

// present checks that the open file is the one that the next start will find.
// The system lets a file be deleted that is in use: SQLite would go on, answer
// "stored", and all would be gone with the process.
func (s *Store) present() error {
	file, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("%w: the database file is gone; put it back, or restart for a new one: %w", store.ErrUnavailable, err)
	}
	if !os.SameFile(file, s.file) {
		return fmt.Errorf("%w: the database file %s was replaced; restart to use the new one", store.ErrUnavailable, s.path)
	}
	return nil
}

// Ping implements [store.Store]: it takes the right to write, and gives it back.
func (s *Store) Ping(ctx context.Context) error {
	const attempt = "reach the database"
	leave, err := s.enter(ctx, attempt)
	if err != nil {
		return err
	}
	defer leave()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, err, attempt)
	}
	if err := tx.Rollback(); err != nil {
		return translate(ctx, err, attempt)
	}
	return nil
}

// Close implements [store.Store]. It leaves one file, with everything in it.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if !first {
		<-s.freed
		return nil
	}
	defer close(s.freed)
	s.calls.Wait()
	// The writer last: the last connection to close moves the log into the file.
	var err error
	for _, db := range []*stdsql.DB{s.readers, s.writer} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}
