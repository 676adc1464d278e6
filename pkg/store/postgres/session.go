package postgres

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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
	// failureLasts is the time for which a failed append makes the store unready. After
	// it the next append tries again.
	failureLasts = 5 * time.Second
)

// sessions remembers what appends said about the sessions of a store.
type sessions struct {
	mu     sync.Mutex
	reset  time.Time // the last reset
	failed time.Time // the last append that failed for a lasting reason
	err    error     // its error
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

// appended records the result of an append. Errors that are about the moment, such as
// a lost connection, are found by Ping itself.
func (s *sessions) appended(now time.Time, err error) {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	lasting := ok && class(refused) == "42"
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case lasting:
		s.failed, s.err = now, err
	case err == nil && s.err != nil:
		s.err = nil
	}
}

// recentFailure returns the error of the last append if that failed for a lasting
// reason a short time ago.
func (s *sessions) recentFailure(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil || now.Sub(s.failed) > failureLasts || now.Before(s.failed) {
		return nil
	}
	return fmt.Errorf("appends fail: %w", s.err)
}

// resetSessions closes the idle connections, and the others after their current use.
// New ones lead to where the address leads now.
func (s *Store) resetSessions() {
	if s.sessions.mayReset(time.Now()) {
		s.writers.Reset()
		s.readers.Reset()
	}
}
