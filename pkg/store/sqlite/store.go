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
	"sync/atomic"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/store"
)

// Options configure a Store. The zero value of a field stands for its default.
type Options struct {
	// Path is the database file, absolute or relative to the current folder.
	// SQLite keeps two more files beside it, Path-wal and Path-shm. They belong
	// to the data. Close removes them.
	Path string
	// Logger records that a file was opened. The default discards it.
	Logger *slog.Logger
	// Now is the clock for Record.CreatedAt, default [time.Now].
	Now func() time.Time
	// Duplicates configures the reports of duplicates.
	Duplicates duplicates.Options
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Duplicates = o.Duplicates.WithDefaults()
	return o
}

// Store is a [store.Store] in one file. Create one with [Open].
type Store struct {
	path    string
	file    os.FileInfo // the file when it was opened
	now     func() time.Time
	writer  *stdsql.DB // one connection
	readers *stdsql.DB
	append  appendStatements
	read    readStatements
	wal     *wal
	reports *duplicates.Recorder
	// repeated is set if most events of the last block of an append were duplicates.
	// A transaction whose context has ended may still use it while the next one runs.
	repeated atomic.Bool
	// saved is set if the events of a removed WAL are in the database file.
	saved atomic.Bool
	// failed is set after an append that failed, until a write succeeds.
	failed atomic.Bool

	walking sync.Mutex   // guards walk and walked
	walk    identityWalk // of retention
	walked  int64        // limit of the last walk that was begun

	mu     sync.Mutex // guards closed, and calls.Add against calls.Wait
	closed bool
	calls  sync.WaitGroup
	done   chan struct{} // closed when Close is done

	stop        chan struct{} // closed to end maintenance
	maintaining sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// Open opens a database file that [Migrate] has prepared. If the file is missing,
// damaged, of another program or of another version, the error says what to do.
func Open(ctx context.Context, options Options) (*Store, error) {
	options = options.WithDefaults()
	path, err := checkPath(options.Path)
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the database file %s does not exist yet; run `eventagg migrate`: %w", path, store.ErrUnavailable)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w: %w", store.ErrUnavailable, err)
	}
	s := &Store{path: path, file: file, now: options.Now, done: make(chan struct{}), stop: make(chan struct{})}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.reports = duplicates.New(reportTarget{s}, options.Duplicates) //nolint:contextcheck // it ends with Close
	s.maintaining.Go(func() { s.maintain(options.Logger) })         //nolint:contextcheck // it ends with Close
	options.Logger.DebugContext(ctx, "database file opened", slog.String("path", path), slog.Int64("bytes", file.Size()))
	return s, nil
}

// connect opens the pools. The writer is first, because it creates files that the
// readers need and may not create.
func (s *Store) connect(ctx context.Context) error {
	err := checkWAL(s.path)
	if err != nil {
		return err
	}
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
	if s.read, err = prepareRead(ctx, s.readers); err != nil {
		return err
	}
	s.wal, err = openWAL(s.path)
	return err
}

// maxCheckedBytes is the maximum size of a file that Open checks completely. The
// check of a larger file would take long. Its damage shows when it is read.
const maxCheckedBytes = 64 << 20

// checkPages checks a small file for damage.
func checkPages(ctx context.Context, db *stdsql.DB, size int64) error {
	if size > maxCheckedBytes {
		return nil
	}
	const attempted = "check the database file"
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return translate(ctx, err, attempted)
	}
	if found != "ok" {
		return fmt.Errorf("%s: %w: %s (%s)", attempted, store.ErrUnavailable, hints(lib.SQLITE_CORRUPT), found)
	}
	return nil
}

// checkPath makes a path absolute, so that a change of the current folder does not
// matter, and refuses a path that can't be a database file.
func checkPath(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fmt.Errorf("invalid database file %q: name a file, such as eventagg.db", path)
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
		return "", fmt.Errorf("%s is a folder or a device; name a file for the database", path)
	}
	return path, nil
}

// call runs one call of the store and translates its error. It fails if the store is
// closed, the context has ended, or the file has disappeared.
func call[T any](ctx context.Context, s *Store, attempted string, run func() (T, error)) (T, error) {
	var none T
	if err := s.enter(ctx); err != nil {
		return none, fmt.Errorf("%s: %w", attempted, err)
	}
	defer s.calls.Done()
	result, err := run()
	if err != nil {
		return none, translate(ctx, err, attempted)
	}
	return result, nil
}

// enter begins a call. The caller must end it with calls.Done if the error is nil.
func (s *Store) enter(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.present(); err != nil {
		return store.NotReached(err)
	}
	s.calls.Add(1)
	return nil
}

// present checks that the open file is the one that the next start will open. An
// open file can be deleted: SQLite would continue and report "stored", and all
// data would be lost at the end of the process.
func (s *Store) present() error {
	file, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("%w: the database file was removed; restore it, or restart to create a new one: %w", store.ErrUnavailable, err)
	}
	if !os.SameFile(file, s.file) {
		return fmt.Errorf("%w: the database file %s was replaced; restart to use the new one", store.ErrUnavailable, s.path)
	}
	return nil
}

// Ping implements [store.Store]: it begins a write transaction and rolls it back.
// After an append that failed it commits one, because a full disk fails only there.
func (s *Store) Ping(ctx context.Context) error {
	_, err := call(ctx, s, "reach the database", func() (struct{}, error) {
		if s.failed.Load() {
			return struct{}{}, s.transact(ctx, (*transaction).probe)
		}
		if err := s.intact(ctx); err != nil {
			return struct{}{}, err
		}
		tx, err := s.writer.BeginTx(ctx, nil)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Rollback()
	})
	return err
}

// Close implements [store.Store]. It leaves one file that contains everything.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if !first {
		<-s.done
		return nil
	}
	defer close(s.done)
	s.calls.Wait()
	close(s.stop)
	s.maintaining.Wait()
	if s.reports != nil {
		_ = s.reports.Close() // reports are best effort
	}
	if s.wal != nil {
		conflict := errors.Is(s.wal.check(), errWALConflict)
		if err := s.wal.file.Close(); err != nil {
			return fmt.Errorf("close the write-ahead log: %w", err)
		}
		if conflict { // closing the last connection would copy pages into a file to which they do not belong
			return fmt.Errorf("close the database: %w", errWALConflict)
		}
	}
	// The writer is last: the last connection copies the log into the file.
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
