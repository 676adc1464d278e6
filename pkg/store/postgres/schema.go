package postgres

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

// versionTable is where the applied migrations are recorded. It has a name of its
// own, so that another program that uses goose in the same database keeps its table.
// The schema of this table is the schema of all tables of eventagg, for ever.
const versionTable = "eventagg_migrations"

// querier runs a query; a connection, a transaction and a database are one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*stdsql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *stdsql.Row
}

// oneSchema returns the schema of the tables: the configured one, or the one that has
// them, or "" if none has. Names come from the catalog, so that a changed search path
// or a new schema of the role's name can't lead to a second, empty set of tables.
func oneSchema(configured string, found []string) (string, error) {
	switch {
	case configured != "":
		return configured, nil
	case len(found) > 1:
		return "", fmt.Errorf("the schemas %s all have tables of eventagg; name the right one in database.schema: %w",
			strings.Join(found, ", "), store.ErrUnavailable)
	case len(found) == 1:
		return found[0], nil
	default:
		return "", nil
	}
}

// layout is what a schema has; see layout.sql.
type layout struct {
	schema, versions, tables, oldVersions bool
}

// schemaForMigration returns the schema to migrate. A new set of tables goes into the
// configured schema, or the first of the search path.
func schemaForMigration(ctx context.Context, db querier, configured string) (string, error) {
	const attempted = "find the schema"
	found, err := schemasOf(ctx, db)
	if err != nil {
		return "", translate(ctx, err, attempted)
	}
	schema, err := oneSchema(configured, found)
	if err != nil || schema != "" {
		return schema, err
	}
	var current stdsql.NullString
	if err := db.QueryRowContext(ctx, "SELECT current_schema()::text").Scan(&current); err != nil {
		return "", translate(ctx, err, attempted)
	}
	if !current.Valid {
		return "", fmt.Errorf("the search path of the role has no schema; name one in database.schema: %w", store.ErrUnavailable)
	}
	return current.String, nil
}

func schemasOf(ctx context.Context, db querier) (found []string, err error) {
	text, err := sql.Files.ReadFile("postgres/queries/schemas.sql")
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, string(text))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var schema string
		if err := rows.Scan(&schema); err != nil {
			return nil, err
		}
		found = append(found, schema)
	}
	return found, rows.Err()
}

// checkLayout refuses a schema in a state that no migration leaves behind, and tables
// of another version. It creates a configured schema that does not exist.
func checkLayout(ctx context.Context, db *stdsql.DB, schema string, newest int64) error {
	attempted := "check the schema " + schema
	found, err := layoutOf(ctx, db, schema)
	if err != nil {
		return translate(ctx, err, attempted)
	}
	if !found.schema {
		if _, err := db.ExecContext(ctx, sql.InSchema(`CREATE SCHEMA IF NOT EXISTS :"schema"`, schema)); err != nil {
			return translateStep(ctx, err, "create the schema "+schema)
		}
		return nil
	}
	version := int64(0)
	if found.versions {
		if version, err = versionOf(ctx, db, schema); err != nil {
			return translate(ctx, err, attempted)
		}
		// Another instance may have committed its migration since the first look: what
		// a version records is looked for after the version.
		if found, err = layoutOf(ctx, db, schema); err != nil {
			return translate(ctx, err, attempted)
		}
	}
	return found.check(schema, version, newest)
}

func layoutOf(ctx context.Context, db querier, schema string) (found layout, err error) {
	text, err := sql.Files.ReadFile("postgres/queries/layout.sql")
	if err != nil {
		return layout{}, err
	}
	err = db.QueryRowContext(ctx, sql.InSchema(string(text), schema)).
		Scan(&found.schema, &found.versions, &found.tables, &found.oldVersions)
	return found, err
}

// check returns why the tables of a schema can't be used or migrated.
func (l layout) check(schema string, version, newest int64) error {
	switch {
	case version > newest:
		return fmt.Errorf("a newer version of eventagg has migrated the tables in schema %s (step %d, this version knows %d); use that version: %w",
			schema, version, newest, store.ErrUnavailable)
	case version > 0 && !l.tables:
		return fmt.Errorf("tables of eventagg are missing in schema %s, although %s.%s records them; restore them from a backup: %w",
			schema, schema, versionTable, store.ErrUnavailable)
	case version == 0 && l.tables && l.oldVersions:
		return fmt.Errorf("a development version of eventagg made the tables in schema %s; "+
			"export its events with that version, and publish them into another database: %w", schema, store.ErrUnavailable)
	default:
		return nil
	}
}

// versionOf returns the last migration that was applied, 0 for none.
func versionOf(ctx context.Context, db querier, schema string) (version int64, err error) {
	statement := sql.InSchema(`SELECT coalesce(max(version_id), 0) FROM :"schema".`+versionTable, schema)
	err = db.QueryRowContext(ctx, statement).Scan(&version)
	return version, err
}

// inSchema is a folder of migrations for the tables of one schema.
type inSchema struct {
	fs.FS

	schema string
}

// Open opens a file. Its text names the schema.
func (s inSchema) Open(name string) (fs.File, error) {
	file, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &textFile{File: file, Reader: strings.NewReader(sql.InSchema(string(text), s.schema))}, nil
}

// textFile is a file with another text.
type textFile struct {
	fs.File
	*strings.Reader
}

// Read reads the other text.
func (f *textFile) Read(p []byte) (int, error) { return f.Reader.Read(p) }

// newestVersion returns the last migration of a provider.
func newestVersion(provider *goose.Provider) int64 {
	sources := provider.ListSources()
	return sources[len(sources)-1].Version
}

// newestMigration returns the last migration of this version of eventagg, by the
// names of the files: 00002_deliveries.sql is 2.
func newestMigration() (int64, error) {
	names, err := fs.Glob(sql.Files, "postgres/migrations/*.sql")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("read the migrations: %w", cmp.Or(err, fs.ErrNotExist))
	}
	return goose.NumericComponent(names[len(names)-1])
}
