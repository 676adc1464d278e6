package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// errUnreplicated means that a COMMIT was confirmed before the synchronous standby had
// it. A failover could lose it, so the caller gets an error.
var errUnreplicated = errors.New("the wait for the synchronous standby was cancelled")

// onNotice counts the commits whose wait for a synchronous standby was cancelled, by an
// operator or a time limit. PostgreSQL sends a warning then, and reports success. The
// name of the function in the server is not translated, unlike the warning.
//
// A count for all connections is enough: an innocent call that runs at the same time
// fails, too, and is sent again.
func (s *Store) onNotice(_ *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.Routine == "SyncRepWaitForLSN" {
		s.unreplicated.Add(1)
	}
}
