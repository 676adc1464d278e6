package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/store"
)

// translate turns an error of pgx into one of package store:
//
//	SQLSTATE class                          cause                                error
//	22 data, 23 constraint, 54 limit        this data can't be stored, ever      ErrRejected
//	54000 of GetNewTransactionId            the server has no transaction IDs    ErrUnavailable
//	08 connection, 25 read-only,            an outage: the same data may be      ErrUnavailable
//	40 rollback, 53 resources,              stored later
//	55 object state, 57 operator,
//	58 system
//	42501 insufficient privilege            rights of the role                   ErrUnavailable, GRANT them
//	42 tables or columns missing            another version's tables             ErrUnavailable, run migrate
//	26000, 42P05 prepared statements        a pooler in transaction mode         ErrUnavailable, set database.pooler
//	XX internal error, 57014 time-out       perhaps only this data: a damaged    ErrUnavailable and ErrInternal
//	                                        page, a slow statement
//	any other                               unknown                              ErrUnavailable
//	none, because there is no response      network, or the server crashed       ErrUnavailable
//
// An ErrUnavailable is also [store.ErrNotReached] if nothing can have been stored:
// there was no connection, or the server has rolled the transaction back. The
// classes are in appendix A of PostgreSQL's manual.
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
	case errors.Is(err, errUnknownIndex), errors.Is(err, errUnknownTopic), errors.Is(err, errKey), errors.Is(err, store.ErrForeignPosition), errors.Is(err, store.ErrDropped):
		return fmt.Errorf("%s: %w", attempted, err)
	case errors.Is(err, errTooMany):
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrRejected, err)
	case errors.As(err, &unconnected):
		return store.NotReached(fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable,
			explainConnect(unconnected.Config, unconnected.Unwrap())))
	case pgconn.SafeToRetry(err): // the connection was dead before anything was sent
		return store.NotReached(fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err))
	case !errors.As(err, &refused):
		return fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
	}
	if refused.Code == "26000" || refused.Code == "42P05" { // the prepared statement is missing, or exists already
		return fmt.Errorf("%s: prepared statements are lost, as behind a pooler in transaction mode; "+
			"set database.pooler to transaction: %w: %w", attempted, store.ErrUnavailable, err)
	}
	if refused.Code == insufficientPrivilege {
		return fmt.Errorf("%s: the role lacks a right (%s); GRANT it, or use the owner of the tables in database.url: %w: %w",
			attempted, refused.Message, store.ErrUnavailable, err)
	}
	switch class(refused) {
	case "22", "23", "54":
		if !exhausted(refused) {
			return fmt.Errorf("%s: %w: %w", attempted, store.ErrRejected, err)
		}
	case "42":
		return fmt.Errorf("%s: the tables do not fit this version; `eventagg migrate` upgrades them, or names what to restore from a backup: %w: %w",
			attempted, store.ErrUnavailable, err)
	}
	failed := fmt.Errorf("%s: %w: %w", attempted, store.ErrUnavailable, err)
	if class(refused) == "XX" || refused.Code == "57014" {
		failed = fmt.Errorf("%s: %w: %w: %w", attempted, store.ErrUnavailable, store.ErrInternal, err)
	}
	if aborted(refused) { // a full disk, for example
		return store.NotReached(failed)
	}
	return failed
}

// exhausted reports whether a server has no transaction IDs left. Its SQLSTATE is 54000,
// as that of an event that is too long for an index, but it refuses every event until
// an operator runs VACUUM. The name of the function in the server is not translated,
// unlike the message.
func exhausted(err *pgconn.PgError) bool {
	return err.Routine == "GetNewTransactionId" || err.Routine == "GetNewMultiXactId"
}

// aborted reports whether an error proves that the transaction was rolled back.
// An ERROR ends the statement and with it the transaction, and the server goes
// on. FATAL and PANIC end the session at any moment, perhaps after the COMMIT
// (section 20.8 of PostgreSQL's manual). 40003 is "statement completion unknown".
func aborted(err *pgconn.PgError) bool {
	return err.SeverityUnlocalized == "ERROR" && err.Code != "40003"
}

// rolledBack reports whether an error proves that nothing was committed, and
// another attempt may succeed at once: the database ended a deadlock or a
// serialization conflict (class 40 without 40003), two transactions had the same
// address for their data, or nothing had been sent.
func rolledBack(err error) bool {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return class(refused) == "40" && refused.Code != "40003" || sameAddress(refused)
	}
	return pgconn.SafeToRetry(err)
}

// sameAddress reports whether the key of a partition refused a row: another
// transaction had the same topic, microsecond and random number. That is rare: there are
// 2,048 random numbers. The next attempt has another address.
func sameAddress(err *pgconn.PgError) bool {
	return err.Code == "23505" && strings.HasPrefix(err.TableName, "events")
}

// missingPartition reports whether no partition covers the present time.
func missingPartition(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "23514" && refused.TableName == "events" && refused.ConstraintName == ""
}

// class is the first two characters of the SQLSTATE.
func class(err *pgconn.PgError) string {
	if len(err.Code) < 2 {
		return ""
	}
	return err.Code[:2]
}
