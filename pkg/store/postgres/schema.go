package postgres

import (
	"cmp"
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
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

// tableSet is what one schema has of eventagg; see schemas.sql.
type tableSet struct {
	schema                  string
	versions, tables, first bool // first: the tables of the first layout
}

// oneSchema returns the schema of the tables: the configured one, or the one that has
// them, or "" if none has. Names come from the catalog, so that a changed search path
// or a new schema of the role's name can't lead to a second, empty set of tables.
//
// Tables without a version table count only if no schema has both: beside them they
// may be a copy that an operator made.
func oneSchema(configured string, found []tableSet) (string, error) {
	if configured != "" {
		return configured, nil
	}
	var complete, all []string
	for _, set := range found {
		all = append(all, set.schema)
		if set.versions && set.tables {
			complete = append(complete, set.schema)
		}
	}
	if len(complete) > 0 {
		all = complete
	}
	switch len(all) {
	case 0:
		return "", nil
	case 1:
		return all[0], nil
	default:
		return "", fmt.Errorf("the schemas %s all have tables of eventagg; name the right one in database.schema: %w",
			strings.Join(all, ", "), store.ErrUnavailable)
	}
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

// schemasOf returns the schemas that have tables of eventagg.
func schemasOf(ctx context.Context, db querier) (found []tableSet, err error) {
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
		var set tableSet
		if err := rows.Scan(&set.schema, &set.versions, &set.tables, &set.first); err != nil {
			return nil, err
		}
		found = append(found, set)
	}
	return found, rows.Err()
}

// checkSchema refuses a schema in a state that no migration leaves behind, and tables
// of another version. It creates a configured schema that does not exist.
func checkSchema(ctx context.Context, db *stdsql.DB, schema string) error {
	attempted := "check the schema " + schema
	found, err := schemasOf(ctx, db)
	if err != nil {
		return translate(ctx, err, attempted)
	}
	if set, ok := setIn(schema, found); ok {
		return set.check(ctx, db)
	}
	var exists bool
	if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&exists); err != nil {
		return translate(ctx, err, attempted)
	}
	if exists {
		return nil
	}
	_, err = db.ExecContext(ctx, sql.InSchema(`CREATE SCHEMA IF NOT EXISTS :"schema"`, schema))
	if err != nil {
		return translateStep(ctx, err, "create the schema "+schema)
	}
	return nil
}

// setIn returns the tables of a schema.
func setIn(schema string, found []tableSet) (tableSet, bool) {
	i := slices.IndexFunc(found, func(set tableSet) bool { return set.schema == schema })
	if i < 0 {
		return tableSet{}, false
	}
	return found[i], true
}

// check returns why the tables of a schema can't be used or migrated. What the version
// table records is looked for after the version was read: another instance may commit
// its migration in the meantime.
func (s tableSet) check(ctx context.Context, db querier) error {
	attempted := "check the schema " + s.schema
	newest, err := newestMigration()
	if err != nil {
		return err
	}
	var version int64
	if s.versions {
		if version, err = versionOf(ctx, db, s.schema); err != nil {
			return translate(ctx, err, attempted)
		}
	}
	switch {
	case s.first:
		return fmt.Errorf("the tables in schema %s have the first layout, which this version can't use; "+
			"export its events with the version that made them, and publish them into another database: %w", s.schema, store.ErrUnavailable)
	case version > newest:
		return fmt.Errorf("a newer version of eventagg has migrated the tables in schema %s (step %d, this version knows %d); use that version: %w",
			s.schema, version, newest, store.ErrUnavailable)
	case version == 0 && s.tables:
		return fmt.Errorf("schema %s has tables of eventagg, but no %s that records their version; restore that table, too, "+
			"or name another schema in database.schema: %w", s.schema, versionTable, store.ErrUnavailable)
	}
	missing, err := missingTables(ctx, db, s.schema, version)
	if err != nil {
		return translate(ctx, err, attempted)
	}
	return refuseMissing(s.schema, missing)
}

// refuseMissing reports tables that a version table records and that are gone. They are
// never made again: every old event would be stored a second time.
func refuseMissing(schema, missing string) error {
	if missing == "" {
		return nil
	}
	return fmt.Errorf("tables of eventagg are missing in schema %s, although %s records them: %s; restore them from a backup: %w",
		schema, versionTable, missing, store.ErrUnavailable)
}

// missingTables returns the names of the tables that a version has and a schema lacks.
func missingTables(ctx context.Context, db querier, schema string, version int64) (missing string, err error) {
	text, err := sql.Files.ReadFile("postgres/queries/missing.sql")
	if err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, sql.InSchema(string(text), schema), version).Scan(&missing)
	return missing, err
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

// newestMigration returns the last migration of this version of eventagg, by the
// names of the files: 00002_deliveries.sql is 2.
func newestMigration() (int64, error) {
	names, err := fs.Glob(sql.Files, "postgres/migrations/*.sql")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("read the migrations: %w", cmp.Or(err, fs.ErrNotExist))
	}
	return goose.NumericComponent(names[len(names)-1])
}
