package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"slices"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/eventagg/eventagg/pkg/store"
)

// translate turns an error of SQLite into one of package store, with a hint for the
// operator if there is one:
//
//	result code                      cause                            error
//	TOOBIG, CONSTRAINT, MISMATCH     this data can't be stored, ever  ErrRejected
//	CORRUPT                          perhaps only this data: a        ErrUnavailable and ErrInternal
//	                                 damaged page
//	any other                        an outage: the same data may     ErrUnavailable
//	                                 be stored later
//
// The codes are on https://www.sqlite.org/rescode.html.
func translate(ctx context.Context, err error, attempted string) error {
	var refused *sqlite.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", attempted, ctx.Err())
	case errors.Is(err, store.ErrForeignPosition), errors.Is(err, store.ErrDropped):
		return fmt.Errorf("%s: %w", attempted, err)
	case errors.Is(err, stdsql.ErrNoRows):
		return fmt.Errorf("%s: %w", attempted, store.ErrNotFound)
	case errors.Is(err, store.ErrUnavailable):
		return fmt.Errorf("%s: %w", attempted, err)
	case !errors.As(err, &refused):
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
	}
	switch code(refused) {
	case lib.SQLITE_TOOBIG, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH:
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrRejected, err)
	}
	hint := hints(code(refused))
	switch {
	case code(refused) == lib.SQLITE_CORRUPT:
		return fmt.Errorf("%s: %w: %w: %s: %w", attempted, store.ErrUnavailable, store.ErrInternal, hint, err)
	case hint != "":
		return fmt.Errorf("%s: %w: %s: %w", attempted, store.ErrUnavailable, hint, err)
	}
	return fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
}

// code is the primary result code: the low byte of the extended code.
func code(err *sqlite.Error) int { return err.Code() & 0xff }

// isCode reports whether err has one of the primary result codes.
func isCode(err error, codes ...int) bool {
	var refused *sqlite.Error
	return errors.As(err, &refused) && slices.Contains(codes, code(refused))
}

// hints returns what an operator can do about a result code.
func hints(code int) string {
	switch code {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return "another process writes to the database file"
	case lib.SQLITE_READONLY:
		return "the database file is read-only; check the permissions of the file and of its folder, and that its file system is not mounted read-only"
	case lib.SQLITE_CANTOPEN:
		return "the database file can't be opened; check its permissions, and that files can be created in its folder: its file system may be mounted read-only"
	case lib.SQLITE_FULL:
		return "the disk is full"
	case lib.SQLITE_IOERR:
		return "the disk is full or has an error, its file system became read-only (see dmesg), or the database file or its -wal file was truncated while it was in use; " +
			"keep a copy of the file and those beside it (-wal, -shm) before you do anything else"
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return "the database file is damaged or not a SQLite database; stop eventagg, move the file and those beside it " +
			"(-wal, -shm) together to another folder, and restore a backup without -wal and -shm beside it, or recover data with `sqlite3 FILE .recover`"
	default:
		return ""
	}
}
