package postgres

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

// Migrate brings the tables of a database up to this version and returns how
// many steps that took. Any number of instances may call it at once: one works
// under an advisory lock, the others wait for it and find nothing to do. Of the
// options only URL and Pooled matter. A pooler must have two connections for it:
// one holds the lock.
func Migrate(ctx context.Context, options Options) (applied int, err error) {
	config, err := pgx.ParseConfig(options.URL)
	if err != nil {
		return 0, unreadable(options.URL, err)
	}
	queries, err := loadQueries()
	if err != nil {
		return 0, err
	}
	var setUp []stdlib.OptionOpenDB
	if options.Pooled {
		withoutSession(config)
	} else {
		setUp = append(setUp, stdlib.OptionAfterConnect(beginWith(queries.writerSession)))
	}
	db := stdlib.OpenDB(*config, setUp...)
	defer func() { err = errors.Join(err, db.Close()) }()
	var found readiness
	if err := db.QueryRowContext(ctx, queries.ready).Scan(found.columns()...); err != nil {
		return 0, translate(ctx, err, "reach the database")
	}
	if err := found.suits(); err != nil { // before there are tables in the wrong place
		return 0, err
	}
	migrations, err := fs.Sub(sql.Files, "postgres/migrations")
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	up := migrateUp
	if options.Pooled {
		up = migrateUpPooled
	}
	if applied, err = up(ctx, db, migrations); err != nil {
		return applied, err
	}
	return applied, renumber(ctx, db)
}

// migrateUp takes the steps that are still to be taken, each in a transaction of
// its own, and returns how many that were, also when one fails.
func migrateUp(ctx context.Context, db *stdsql.DB, migrations fs.FS) (int, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // ask each second, for five minutes
	if err != nil {
		return 0, fmt.Errorf("make the migration lock: %w", err)
	}
	return takeSteps(ctx, db, migrations, goose.WithSessionLocker(locker))
}

// takeSteps is migrateUp without a lock but what the options bring.
func takeSteps(ctx context.Context, db *stdsql.DB, migrations fs.FS, options ...goose.ProviderOption) (int, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations, options...)
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	const attempt = "apply the migrations"
	done, err := provider.Up(ctx)
	partial, failed := errors.AsType[*goose.PartialError](err)
	switch {
	case failed: // the steps before it stay, and the next try goes on from there
		return len(partial.Applied), translateStep(ctx, partial.Err,
			fmt.Sprintf("step %d failed after %d applied now", partial.Failed.Source.Version, len(partial.Applied)))
	case err != nil:
		return len(done), translateStep(ctx, err, attempt)
	default:
		return len(done), nil
	}
}

// translateStep is translate for statements that make tables: there a refusal
// has other reasons, and "run migrate" is no advice.
func translateStep(ctx context.Context, err error, attempted string) error {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ctx.Err() != nil || !ok || class(refused) != "42":
		return translate(ctx, err, attempted)
	case refused.Code == insufficientPrivilege:
		return fmt.Errorf("%s: the role may not make tables; GRANT it CREATE on the schema, or name the owner in database.url: %w: %w",
			attempted, store.ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: what is there already is in the way; name a database of eventagg's own: %w: %w",
			attempted, store.ErrUnavailable, err)
	}
}

// insufficientPrivilege is the SQLSTATE of a right that is missing.
const insufficientPrivilege = "42501"

// renumber repairs the order of a database that was restored from a dump; see
// the statement. One instance at a time does it.
func renumber(ctx context.Context, db *stdsql.DB) (err error) {
	const attempt = "repair the order of a restored database"
	statement, err := sql.Files.ReadFile("postgres/queries/renumber.sql")
	if err != nil {
		return fmt.Errorf("%s: %w", attempt, err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, err, attempt)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(1163219783, -1)"); err != nil {
		return translate(ctx, err, attempt)
	}
	if _, err := tx.ExecContext(ctx, string(statement)); err != nil {
		return translate(ctx, err, attempt)
	}
	if err := tx.Commit(); err != nil {
		return translate(ctx, err, attempt)
	}
	return nil
}
