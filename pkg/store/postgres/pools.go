package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolStats are the statistics of one connection pool.
type PoolStats struct {
	// Name is "writers" or "readers".
	Name string
	// InUse and Idle count the open connections. Max is the maximum number.
	InUse, Idle, Max int
	// Waits counts the calls since Open that found no idle connection, and Waited
	// is the sum of their waiting times.
	Waits  int64
	Waited time.Duration
}

// Pools returns the current use of the connections. It sends nothing to the
// database.
func (s *Store) Pools() []PoolStats {
	return []PoolStats{poolStats("writers", s.writers), poolStats("readers", s.readers)}
}

func poolStats(name string, pool *pgxpool.Pool) PoolStats {
	stat := pool.Stat()
	return PoolStats{
		Name: name, InUse: int(stat.AcquiredConns()), Idle: int(stat.IdleConns()), Max: int(stat.MaxConns()),
		Waits: stat.EmptyAcquireCount(), Waited: stat.EmptyAcquireWaitTime(),
	}
}
