// Package sql contains the migrations and statements of all stores. It is
// internal. Each statement is a file, so that it can be read, formatted and
// explained as SQL.
package sql

import "embed"

// Files has a folder for each database, with the subfolders migrations and queries.
//
//go:embed postgres sqlite
var Files embed.FS
