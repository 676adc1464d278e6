// Package sql contains the migrations and statements of all stores. It is
// internal. Each statement is a file, so that it can be read, formatted and
// explained as SQL.
package sql

import (
	"embed"
	"strings"
)

// Files has a folder for each database, with the subfolders migrations and queries.
//
//go:embed postgres sqlite
var Files embed.FS

// InSchema returns a statement for the tables of a schema. In the files, every table
// has the schema :"schema", and :'schema' is its name as a text. Both are variables of
// psql: psql -v schema=public.
func InSchema(statement, schema string) string {
	return strings.NewReplacer(
		`:"schema"`, `"`+strings.ReplaceAll(schema, `"`, `""`)+`"`,
		`:'schema'`, `'`+strings.ReplaceAll(schema, `'`, `''`)+`'`,
	).Replace(statement)
}
