// Package sql holds the migrations and statements of every store, one
// statement a file, so that they can be read, formatted and explained as SQL.
package sql

import "embed"

// Files has a folder for each database, with migrations and queries in it.
//
//go:embed postgres sqlite
var Files embed.FS
