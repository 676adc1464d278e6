package postgres

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

// Migrate upgrades the tables of a database to this version and returns how many
// steps it applied. Any number of instances may call it at once: one works under
// an advisory lock, the others wait for it and then find nothing to do. It uses
// only the options URL, Schema and Pooled. A pooler needs two connections for it, because
// one holds the lock.
func Migrate(ctx context.Context, options Options) (applied int, err error) {
	pool, err := pgxpool.ParseConfig(options.URL) // which knows the parameters pool_…, too
	if err != nil {
		return 0, invalidURL(options.URL, err)
	}
	config := pool.ConnConfig
	queries, err := loadQueries("")
	if err != nil {
		return 0, err
	}
	var setUp []stdlib.OptionOpenDB
	if options.Pooled {
		withoutSession(config)
	} else {
		setUp = append(setUp, stdlib.OptionAfterConnect(runFirst(queries.writerSession)))
	}
	db := stdlib.OpenDB(*config, setUp...)
	defer func() { err = errors.Join(err, db.Close()) }()
	var found readiness
	if err := db.QueryRowContext(ctx, queries.ready).Scan(found.columns()...); err != nil {
		return 0, translate(ctx, err, "reach the database")
	}
	if err := found.usable(); err != nil { // before tables are created in the wrong place
		return 0, err
	}
	schema, err := schemaForMigration(ctx, db, options.Schema)
	if err != nil {
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
	return up(ctx, db, migrations, schema)
}

// migrateUp applies the missing steps, each in its own transaction, and returns
// how many it applied, also if one fails.
func migrateUp(ctx context.Context, db *stdsql.DB, migrations fs.FS, schema string) (int, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // try each second for five minutes
	if err != nil {
		return 0, fmt.Errorf("create the migration lock: %w", err)
	}
	return applySteps(ctx, db, migrations, schema, goose.WithSessionLocker(locker))
}

// applySteps is migrateUp without a lock, unless an option adds one.
func applySteps(ctx context.Context, db *stdsql.DB, migrations fs.FS, schema string, options ...goose.ProviderOption) (int, error) {
	options = append(options, goose.WithTableName(schema+"."+versionTable))
	provider, err := goose.NewProvider(goose.DialectPostgres, db, inSchema{FS: migrations, schema: schema}, options...)
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	if err := checkSchema(ctx, db, schema); err != nil {
		return 0, err
	}
	const attempted = "apply the migrations"
	done, err := provider.Up(ctx)
	partial, failed := errors.AsType[*goose.PartialError](err)
	switch {
	case failed: // the steps before it are committed, and the next attempt continues after them
		return len(partial.Applied), translateStep(ctx, partial.Err,
			fmt.Sprintf("step %d failed after %d new steps", partial.Failed.Source.Version, len(partial.Applied)))
	case err != nil:
		return len(done), translateStep(ctx, err, attempted)
	default:
		return len(done), nil
	}
}

// translateStep is translate for statements that create tables. Class 42 has
// other causes there, and "run migrate" would not help.
func translateStep(ctx context.Context, err error, attempted string) error {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ctx.Err() != nil || !ok || class(refused) != "42":
		return translate(ctx, err, attempted)
	case refused.Code == insufficientPrivilege:
		return fmt.Errorf("%s: the role may not create tables; GRANT it CREATE on the schema, or name the owner in database.url: %w: %w",
			attempted, store.ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: existing tables or types have the same names; use a separate database for eventagg, or name another schema in database.schema: %w: %w",
			attempted, store.ErrUnavailable, err)
	}
}

// insufficientPrivilege is the SQLSTATE for a missing right.
const insufficientPrivilege = "42501"
