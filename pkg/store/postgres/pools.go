package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolStats is the use of one pool of connections.
type PoolStats struct {
	// Name is "writers" or "readers".
	Name string
	// InUse and Idle count the connections that are open, Max those that there
	// may be.
	InUse, Idle, Max int
	// Waits counts the calls, since the store was opened, that found no
	// connection idle, and Waited is how long all of them waited together.
	Waits  int64
	Waited time.Duration
}

// Pools tells how the connections are used at this moment; it asks nobody.
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
