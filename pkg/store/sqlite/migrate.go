package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	lib "modernc.org/sqlite/lib"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

const (
	// applicationID marks a file as ours: "EvAg". The first migration sets it.
	applicationID = 0x45764167
	// versionTable is the table in which goose records the applied migrations.
	versionTable = "goose_db_version"
	// Migrate retries every migrateInterval, for at most migrateTimeout, if other
	// processes work on the same file.
	migrateTimeout  = 30 * time.Second
	migrateInterval = 50 * time.Millisecond
)

// create creates the file if it does not exist, so that only its owner may read it.
// SQLite gives the files beside it, such as -wal, the same mode. If this fails, SQLite
// fails next and reports why.
func create(path string) {
	if file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		_ = file.Close()
	}
}

// Migrate upgrades the tables of a database file to this version and returns how
// many steps it applied. It creates the file if it does not exist. Several
// processes may call it at once: each step is applied by one of them.
func Migrate(ctx context.Context, path string) (applied int, err error) {
	path, err = checkPath(path)
	if err != nil {
		return 0, err
	}
	if err := checkWAL(path); err != nil {
		return 0, err
	}
	create(path)
	db, err := openWriter(path, "rwc")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := newProvider(db)
	if err != nil {
		return 0, err
	}
	waiting, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	for {
		done, again, err := migrateOnce(ctx, db, provider, path)
		applied += done
		if !again {
			return applied, err
		}
		if retry.Sleep(waiting, migrateInterval) == nil {
			continue
		}
		if ctx.Err() != nil {
			return applied, fmt.Errorf("apply the migrations: %w", ctx.Err())
		}
		return applied, err
	}
}

// newProvider returns a goose provider with the migrations of this version.
func newProvider(db *stdsql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(sql.Files, "sqlite/migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// newestVersion is the number of the last migration of this version.
func newestVersion(provider *goose.Provider) int64 {
	sources := provider.ListSources()
	return sources[len(sources)-1].Version
}

// migrateOnce applies the missing steps, and reports whether an error may disappear
// with the next attempt.
//
// SQLite has no lock that spans several transactions, and each step is a
// transaction. So of two processes that start at once, the later one fails on the
// tables that the other has created. In that case the file's version has changed.
func migrateOnce(ctx context.Context, db *stdsql.DB, provider *goose.Provider, path string) (applied int, again bool, err error) {
	before, err := inspect(ctx, db, path)
	if err != nil {
		return 0, temporary(err), err
	}
	newest := newestVersion(provider)
	if before.version == newest {
		return 0, false, nil
	}
	if before.version > newest || before.firstLayout() {
		return 0, false, before.mismatch(path, newest)
	}
	if applied, err = migrateUp(ctx, provider); err == nil {
		return applied, false, nil
	}
	now, errNow := inspect(ctx, db, path)
	return applied, temporary(err) || errNow == nil && now != before, err
}

// temporary reports whether the cause of an error is a lock of another process, or
// a change of the schema by another process during the statement.
func temporary(err error) bool {
	return isCode(err, lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_SCHEMA)
}

// migrateUp applies the missing steps, each in its own transaction, and returns how
// many it applied, also if one fails.
func migrateUp(ctx context.Context, provider *goose.Provider) (int, error) {
	done, err := provider.Up(ctx)
	partial, failed := errors.AsType[*goose.PartialError](err)
	switch {
	case failed: // the steps before it are committed, and the next attempt continues after them
		return len(partial.Applied), translate(ctx, partial.Err,
			fmt.Sprintf("step %d failed after %d new steps", partial.Failed.Source.Version, len(partial.Applied)))
	case err != nil:
		return len(done), translate(ctx, err, "apply the migrations")
	default:
		return len(done), nil
	}
}

// schema is the version of the tables in a database file.
type schema struct {
	version    int64 // number of the last migration, 0 before the first
	hasHistory bool  // whether the table of migrations exists
}

// firstStep is the number of the first migration of this layout.
const firstStep = 10

// firstLayout reports whether the file has the tables of the first layout.
func (s schema) firstLayout() bool { return s.version > 0 && s.version < firstStep }

// inspect reads the schema. It fails if the file belongs to another program.
func inspect(ctx context.Context, db *stdsql.DB, path string) (schema, error) {
	const attempted = "read the schema of the database file"
	var id, tables, versions int64
	err := db.QueryRowContext(ctx, "SELECT application_id, "+
		"(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('sqlite_sequence', ?1)), "+
		"(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1) FROM pragma_application_id", versionTable).
		Scan(&id, &tables, &versions)
	switch {
	case err != nil:
		return schema{}, translate(ctx, err, attempted)
	case id != applicationID && (id != 0 || tables > 0):
		return schema{}, fmt.Errorf("%s is another program's database; name another file", path)
	case versions == 0:
		return schema{}, nil
	}
	found := schema{hasHistory: true}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable).Scan(&found.version)
	if err != nil {
		return schema{}, translate(ctx, err, attempted)
	}
	return found, nil
}

// checkSchema fails unless the file has the tables of this version.
func checkSchema(ctx context.Context, db *stdsql.DB, path string) error {
	found, err := inspect(ctx, db, path)
	if err != nil {
		return err
	}
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if newest := newestVersion(provider); found.version != newest {
		return found.mismatch(path, newest)
	}
	return nil
}

// mismatch explains what to do about tables of another version.
func (s schema) mismatch(path string, newest int64) error {
	switch {
	case s.version == 0:
		return fmt.Errorf("%s has no eventagg tables yet; run `eventagg migrate`: %w", path, store.ErrUnavailable)
	case s.firstLayout():
		return fmt.Errorf("%s has the first layout, which this version can't use; export its events with the version that made it, "+
			"and publish them into another file: %w", path, store.ErrUnavailable)
	case s.version < newest:
		return fmt.Errorf("%s has the tables of an older eventagg; run `eventagg migrate`: %w", path, store.ErrUnavailable)
	default:
		return fmt.Errorf("%s has the tables of a newer eventagg; use that version, or name another file: %w", path, store.ErrUnavailable)
	}
}
