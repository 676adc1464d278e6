package postgres

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/eventagg/eventagg/sql"
)

// Migrate brings the tables of a database up to this version and returns how
// many steps that took. Any number of instances may call it at once: one works
// under an advisory lock, the others wait for it and find nothing to do.
func Migrate(ctx context.Context, url string) (applied int, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return 0, fmt.Errorf("read the database URL: %w", err)
	}
	queries, err := loadQueries()
	if err != nil {
		return 0, err
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, queries.writerSession)
		return err
	}))
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
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // ask each second, for five minutes
	if err != nil {
		return 0, fmt.Errorf("make the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations, goose.WithSessionLocker(locker))
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return len(done), translate(ctx, err, "migrate the database")
	}
	return len(done), renumber(ctx, db)
}

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
