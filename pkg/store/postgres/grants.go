package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

// CheckRole returns an error if a name can't be that of a role for [Grants].
func CheckRole(name string) error {
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`).MatchString(name) {
		return fmt.Errorf("invalid role %q: expected a letter and up to 62 letters, digits, _ or -", name)
	}
	return nil
}

// Grants returns the SQL statements that give a role the rights to serve, and no
// others: to append, to count and to read, but not to migrate. They create the role if
// it does not exist. The tables must exist, because the statements name their schema.
// It uses only the options URL, Schema and Pooled.
func Grants(ctx context.Context, options Options, role string) (_ string, err error) {
	if err := CheckRole(role); err != nil {
		return "", err
	}
	pool, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return "", invalidURL(options.URL, err)
	}
	if options.Pooled {
		withoutSession(pool.ConnConfig)
	}
	db := stdlib.OpenDB(*pool.ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err := schemasOf(ctx, db)
	if err != nil {
		return "", translate(ctx, err, "find the schema")
	}
	schema, err := oneSchema(options.Schema, found)
	switch {
	case err != nil:
		return "", err
	case schema == "":
		return "", fmt.Errorf("the database has no tables yet; run `eventagg migrate`: %w", store.ErrUnavailable)
	}
	text, err := sql.Files.ReadFile("postgres/grants.sql")
	if err != nil {
		return "", fmt.Errorf("read the statements: %w", err)
	}
	return strings.NewReplacer(
		`:'role'`, "'"+role+"'",
		`:"role"`, pgx.Identifier{role}.Sanitize(),
		`:"database"`, pgx.Identifier{pool.ConnConfig.Database}.Sanitize(),
	).Replace(sql.InSchema(string(text), schema)), nil
}
