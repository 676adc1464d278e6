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
	// migratePatience is how long one waits for other processes that work on the
	// same file, and migratePause how often one looks.
	migratePatience = 30 * time.Second
	migratePause    = 50 * time.Millisecond
)

// Migrate brings the tables of a database file up to this version and returns
// how many steps that took. It makes the file where there is none. Several
// processes may call it at once: each step is done by one of them.
func Migrate(ctx context.Context, path string) (applied int, err error) {
	const attempt = "apply the migrations"
	path, err = checkPath(path)
	if err != nil {
		return 0, err
	}
	db, err := openWriter(path, "rwc")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	giveUp := time.NewTimer(migratePatience)
	defer giveUp.Stop()
	for {
		done, again, err := migrateOnce(ctx, db, path)
		applied += done
		if !again {
			return applied, err
		}
		select {
		case <-time.After(migratePause):
		case <-giveUp.C:
			return applied, err
		case <-ctx.Done():
			return applied, fmt.Errorf("%s: %w", attempt, ctx.Err())
		}
	}
}

// migrateOnce takes the steps that are missing, and reports whether an error may
// be gone the next time.
//
// SQLite has no lock that spans several transactions, so two who start at once
// may get in each other's way: each step is a transaction, and the one who is
// late fails on what is there by then. Whether that was so the file itself
// tells: it has moved on.
func migrateOnce(ctx context.Context, db *stdsql.DB, path string) (done int, again bool, err error) {
	before, err := inspect(ctx, db, path)
	if err != nil {
		return 0, passes(err), err
	}
	if done, err = migrateFrom(ctx, db, path, before); err == nil {
		return done, false, nil
	}
	now, errNow := inspect(ctx, db, path)
	return done, passes(err) || errNow == nil && now != before, err
}

// passes reports whether an error is a lock of another process, or a schema that
// another has changed in the middle of a statement.
func passes(err error) bool {
	var refused *sqlite.Error
	return errors.As(err, &refused) && slices.Contains([]int{lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_SCHEMA}, code(refused))
}

// migrateFrom takes the steps that a file in that state lacks.
func migrateFrom(ctx context.Context, db *stdsql.DB, path string, state schema) (int, error) {
	newest, err := newestVersion()
	if err != nil || state.version == newest {
		return 0, err
	}
	if state.version > newest {
		return 0, state.mismatch(path, newest)
	}
	migrations, err := fs.Sub(sql.Files, "sqlite/migrations")
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	return migrateUp(ctx, db, migrations)
}

// migrateUp takes the steps that are still to be taken, each in a transaction of
// its own, and returns how many that were, also when one fails.
func migrateUp(ctx context.Context, db *stdsql.DB, migrations fs.FS) (int, error) {
	const attempt = "apply the migrations"
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations)
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	done, err := provider.Up(ctx)
	partial, failed := errors.AsType[*goose.PartialError](err)
	switch {
	case failed: // the steps before it stay, and the next try goes on from there
		return len(partial.Applied), translate(ctx, partial.Err,
			fmt.Sprintf("step %d failed after %d applied now", partial.Failed.Source.Version, len(partial.Applied)))
	case err != nil:
		return len(done), translate(ctx, err, attempt)
	default:
		return len(done), nil
	}
}

// schema is what a database file says of itself.
type schema struct {
	version int64 // number of the last migration, 0 before the first
	counted bool  // whether the table of migrations is there
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
	state := schema{counted: true}
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
