package postgres

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/store"
)

// errWrongServer marks the error of a session that leads to a server without writes.
var errWrongServer = errors.New("a server without writes")

func wrongServer(is bool, err error) error {
	if is && err != nil {
		return fmt.Errorf("%w: %w", err, errWrongServer)
	}
	return err
}

// wrongSession reports whether an error may be about the session and not about the
// database: another session may work. A session lives for an hour, and may lead to a
// standby, or have a role, a setting or cached names that are out of date.
func wrongSession(err error) bool {
	if errors.Is(err, errWrongServer) {
		return true
	}
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch refused.Code {
	case "25006", // read_only_sql_transaction
		"42501", // insufficient_privilege
		"42P01", // undefined_table
		"42703", // undefined_column
		"0A000", // feature_not_supported, as of a cached plan that must not change
		"3F000": // invalid_schema_name
		return true
	default:
		return class(refused) == "28" // invalid_authorization_specification
	}
}

const (
	// minResetInterval is the minimum time between two resets of the sessions. If the
	// cause lasts, new sessions are as useless as the old ones.
	minResetInterval = time.Second
	// failureLasts is the time for which an append that failed for a lasting reason makes
	// the store unready. After it, a probe decides.
	failureLasts = 2 * time.Second
)

// sessions remembers what appends said about the sessions of a store.
type sessions struct {
	mu     sync.Mutex
	reset  time.Time // the last reset
	failed time.Time // the last append that the database refused
	err    error     // its error; nil after an append that succeeded
}

// mayReset reports whether it is time for another reset, and records it.
func (s *sessions) mayReset(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.reset) < minResetInterval && !now.Before(s.reset) {
		return false
	}
	s.reset = now
	return true
}

// appended records the result of an append or a probe. Errors without a SQLSTATE, such
// as a lost connection, are found by Ping itself. An event that the database rejects
// says nothing about other events.
func (s *sessions) appended(now time.Time, err error) {
	_, refused := errors.AsType[*pgconn.PgError](err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case refused && errors.Is(err, store.ErrUnavailable):
		s.failed, s.err = now, err
	case err == nil && s.err != nil:
		s.err = nil
	}
}

// lastFailure returns the error of the last append that the database refused, unless
// one has succeeded since. It is recent if no probe is needed to know that the cause
// lasts.
func (s *sessions) lastFailure(now time.Time) (recent bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := now.Sub(s.failed)
	return lasting(s.err) && age >= 0 && age < failureLasts, s.err
}

// lasting reports whether an error of an append is about the database, and not about
// the moment or perhaps only about these events: a missing table or schema (42, 3F), a
// missing right (42501), a user that may not connect (28), a full disk (53100), an I/O
// error (58030), a read-only server (25006), a trigger that raises an error (P0001).
func lasting(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || errors.Is(err, store.ErrInternal) {
		return false
	}
	switch class(refused) {
	case "08", // connection: Ping makes one
		"40", // a conflict with another transaction
		"55", // a lock that was not available
		"57": // the server stops or starts
		return false
	}
	return true
}

// resetSessions closes the idle connections, and the others after their current use.
// New ones lead to where the address leads now.
func (s *Store) resetSessions() {
	if s.sessions.mayReset(time.Now()) {
		s.writers.Reset()
		s.readers.Reset()
	}
}
