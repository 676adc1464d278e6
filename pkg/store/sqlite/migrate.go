package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

const (
	// applicationID marks a file as ours; "EvAg". The first migration sets it.
	applicationID = 0x45764167
	// versionTable is where goose notes what it has done.
	versionTable = "goose_db_version"
	// migrateAttempts and migratePause bound the wait for other processes that
	// migrate the same file.
	migrateAttempts = 100
	migratePause    = 50 * time.Millisecond
)

// Migrate brings the tables of a database file up to this version and returns
// how many steps that took. It makes the file where there is none. Several
// processes may call it at once: each step is done by one of them.
func Migrate(ctx context.Context, path string) (applied int, err error) {
	const attempt = "migrate the database"
	path, err = checkPath(path)
	if err != nil {
		return 0, err
	}
	db, err := openWriter(path, "rwc")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for remaining := migrateAttempts; ; remaining-- {
		done, err := migrateOnce(ctx, db, path)
		applied += done
		// SQLite has no lock that spans several transactions, so two who start
		// at once may get in each other's way. Each step is a transaction; the
		// one who is late fails, looks again, and finds it done.
		if err == nil || remaining == 0 || !collided(err) {
			return applied, err
		}
		select {
		case <-time.After(migratePause):
		case <-ctx.Done():
			return applied, fmt.Errorf("%s: %w", attempt, ctx.Err())
		}
	}
}

func migrateOnce(ctx context.Context, db *stdsql.DB, path string) (int, error) {
	const attempt = "migrate the database"
	state, err := inspect(ctx, db, path)
	if err != nil {
		return 0, err
	}
	newest, err := newestVersion()
	if err != nil || state.version == newest {
		return 0, err
	}
	if state.version > newest {
		return 0, state.mismatch(path, newest)
	}
	provider, err := newProvider(db)
	if err != nil {
		return 0, err
	}
	done, err := provider.Up(ctx)
	if err != nil {
		if partial, ok := errors.AsType[*goose.PartialError](err); ok {
			done = partial.Applied
		}
		return len(done), translate(ctx, err, attempt)
	}
	return len(done), nil
}

func newProvider(db *stdsql.DB) (*goose.Provider, error) {
	migrations, err := fs.Sub(sql.Files, "sqlite/migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// collided reports whether an error may come from another process that
// migrates: a lock that is taken, a table or a row that is already there.
func collided(err error) bool {
	var refused *sqlite.Error
	return errors.As(err, &refused) && slices.Contains(
		[]int{lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_SCHEMA}, code(refused))
}

// schema is what a database file says of itself.
type schema struct {
	version int64 // number of the last migration, 0 before the first
}

// inspect reads the schema and fails when the file is another program's.
func inspect(ctx context.Context, db *stdsql.DB, path string) (schema, error) {
	const attempt = "look into the database file"
	var id, tables, versions int64
	err := db.QueryRowContext(ctx, "SELECT application_id, "+
		"(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('sqlite_sequence', ?1)), "+
		"(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1) FROM pragma_application_id", versionTable).
		Scan(&id, &tables, &versions)
	switch {
	case err != nil:
		return schema{}, translate(ctx, err, attempt)
	case id != applicationID && (id != 0 || tables > 0):
		return schema{}, fmt.Errorf("%s is another program's database; name another file", path)
	case versions == 0:
		return schema{}, nil
	}
	var state schema
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable).Scan(&state.version)
	if err != nil {
		return schema{}, translate(ctx, err, attempt)
	}
	return state, nil
}

// checkSchema fails unless the file's tables are those of this version.
func checkSchema(ctx context.Context, db *stdsql.DB, path string) error {
	state, err := inspect(ctx, db, path)
	if err != nil {
		return err
	}
	newest, err := newestVersion()
	if err != nil {
		return err
	}
	if state.version != newest {
		return state.mismatch(path, newest)
	}
	return nil
}

// mismatch says what to do about tables of another version.
func (s schema) mismatch(path string, newest int64) error {
	switch {
	case s.version == 0:
		return fmt.Errorf("%s has no eventagg tables yet; run `eventagg migrate`: %w", path, store.ErrUnavailable)
	case s.version < newest:
		return fmt.Errorf("%s has the tables of an older eventagg; run `eventagg migrate`: %w", path, store.ErrUnavailable)
	default:
		return fmt.Errorf("%s has the tables of a newer eventagg; use that one, or name another file: %w", path, store.ErrUnavailable)
	}
}

// newestVersion is the number of the last migration in the binary.
func newestVersion() (int64, error) {
	names, err := fs.Glob(sql.Files, "sqlite/migrations/*.sql")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("find the migrations: %w", errors.Join(err, fs.ErrNotExist))
	}
	last := slices.Max(names)
	number, _, _ := strings.Cut(last[strings.LastIndex(last, "/")+1:], "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the number of the migration %s: %w", last, err)
	}
	return version, nil
}
