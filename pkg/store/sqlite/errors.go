package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/eventagg/eventagg/pkg/store"
)

// translate turns an error of SQLite into one of package store, and says what
// to do where that is known. SQLite's result codes are on
// https://www.sqlite.org/rescode.html.
func translate(ctx context.Context, err error, attempted string) error {
	var refused *sqlite.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", attempted, ctx.Err())
	case errors.Is(err, stdsql.ErrNoRows):
		return fmt.Errorf("%s: %w", attempted, store.ErrNotFound)
	case !errors.As(err, &refused):
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
	}
	switch code(refused) {
	case lib.SQLITE_TOOBIG, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH:
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrRejected, err)
	}
	if hint := hints(code(refused)); hint != "" {
		return fmt.Errorf("%s: %w: %s: %w", attempted, store.ErrUnavailable, hint, err)
	}
	return fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
}

// code is the primary result code, which is the low byte of the extended one.
func code(err *sqlite.Error) int { return err.Code() & 0xff }

// hints says what a person can do about a result code.
func hints(code int) string {
	switch code {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return "another process writes to the database file"
	case lib.SQLITE_READONLY:
		return "the database file can't be written to; check its rights and those of its folder"
	case lib.SQLITE_CANTOPEN:
		return "the database file can't be opened; check its rights, and that files can be made in its folder"
	case lib.SQLITE_FULL:
		return "the disk is full"
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return "the database file is damaged or no SQLite database; stop eventagg, keep a copy of the file and of those " +
			"beside it, and restore a backup, or save what can be saved with `sqlite3 FILE .recover`"
	default:
		return ""
	}
}
