package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/store"
)

// translate turns an error of pgx into one of package store. The classes of
// SQLSTATE are in appendix A of PostgreSQL's manual.
func translate(ctx context.Context, err error, attempted string) error {
	var (
		refused     *pgconn.PgError
		unconnected *pgconn.ConnectError
	)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", attempted, ctx.Err())
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s: %w", attempted, store.ErrNotFound)
	case errors.Is(err, errPlace):
		return fmt.Errorf("%s: %w", attempted, err)
	case errors.As(err, &unconnected):
		return store.NotReached(fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable,
			explainConnect(unconnected.Config, unconnected.Unwrap())))
	case pgconn.SafeToRetry(err): // the connection was dead before
		return store.NotReached(fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err))
	case !errors.As(err, &refused): // no answer at all: the network, or the server is gone
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
	}
	if refused.Code == "26000" || refused.Code == "42P05" { // a prepared statement is not there, or there already
		return fmt.Errorf("%s: statements that were prepared get lost, as they do behind a pooler in transaction mode; "+
			"set database.pooler to transaction: %w: %w", attempted, store.ErrUnavailable, err)
	}
	switch class(refused) {
	case "22", "23", "54": // data exception, integrity constraint, program limit
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrRejected, err)
	case "42": // a table or column that is not there, a right that is missing
		return fmt.Errorf("%s: the database does not fit this version; run `eventagg migrate` and check the role's rights: %w: %w",
			attempted, store.ErrUnavailable, err)
	}
	switch { // 08 connection, 25 read-only, 40 rollback, 53 resources, 55 not in state, 57 operator, 58 system, XX internal
	case undone(refused): // a full disk, say
		return store.NotReached(fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err))
	default:
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
	}
}

// undone reports whether an error proves that the transaction was rolled back.
// An ERROR ends the statement and with it the transaction; the server goes on.
// FATAL and PANIC end the session, at whatever moment (section 20.8 of
// PostgreSQL's manual).
func undone(err *pgconn.PgError) bool {
	return err.SeverityUnlocalized == "ERROR" && err.Code != "40003"
}

// rolledBack reports whether an error proves that nothing was committed and a
// new try may well work: the database broke a deadlock or a serialization
// conflict (class 40, but for 40003 "statement completion unknown"), or nothing
// had been sent.
func rolledBack(err error) bool {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return class(refused) == "40" && refused.Code != "40003"
	}
	return pgconn.SafeToRetry(err)
}

// class is the first two characters of the SQLSTATE.
func class(err *pgconn.PgError) string {
	if len(err.Code) < 2 {
		return ""
	}
	return err.Code[:2]
}
