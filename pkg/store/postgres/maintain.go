package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// maintainInterval is the time between two rounds of maintenance.
	maintainInterval = time.Second
	// maxUnfolded is the number of log rows from which they are folded into the
	// totals. Stats reads the rows that are not folded: 4,000 take 2 ms. Fewer would
	// change the rows of the totals more often, and their old versions stay for as long
	// as a backup or report holds its snapshot.
	maxUnfolded = 4000
	// foldInterval is the minimum time between two folds, for the same reason. Stats
	// takes 5 ms if the instances add 50,000 rows a second, which are 50 arrays over
	// 1,000 topics each.
	foldInterval = 200 * time.Millisecond
	// partitionsAhead is the number of partitions to have for later times, and
	// defaultWidth is their length. partitionInterval is the time between two
	// checks.
	partitionsAhead   = 4
	defaultWidth      = 7 * 24 * time.Hour
	partitionInterval = time.Hour
)

// maintain folds the logs into the totals, makes ticks for events that no reader has needed,
// and makes partitions ahead, until stop is closed. All instances do this. Errors need
// no report: the next round tries again, no result depends on it, and an append makes
// a missing partition itself.
func (s *Store) maintain(stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	var partitions time.Time
	rounds := time.NewTicker(maintainInterval)
	defer rounds.Stop()
	folds := time.NewTicker(foldInterval)
	defer folds.Stop()
	for {
		select {
		case <-stop:
			return
		case <-folds.C:
			if s.logged.Load() >= maxUnfolded {
				_ = s.foldIfLong(ctx)
			}
			continue
		case <-rounds.C:
		}
		if now := time.Now(); now.Sub(partitions) >= partitionInterval || now.Before(partitions) {
			if s.makePartitions(ctx) == nil {
				partitions = now
			}
		}
		if s.changed.Swap(false) {
			_, errTick := s.lastTick(ctx) // small ticks are fast to read
			if errFold := s.foldIfLong(ctx); errTick != nil || errFold != nil {
				s.changed.Store(true)
			}
		}
	}
}

// makePartitions makes the partitions for the present time and the times after it that
// do not exist yet. Before that it removes those that have no events and are longer than
// new ones: of a configuration without retention, and of the first migration.
func (s *Store) makePartitions(ctx context.Context) error {
	if s.partitionWidth < defaultWidth {
		_, _ = s.writers.Exec(ctx, s.queries.narrowPartitions, s.partitionWidth) // if this fails, the next round tries again
	}
	var made int64
	return s.writers.QueryRow(ctx, s.queries.makePartition, partitionsAhead, s.partitionWidth).Scan(&made)
}

// foldIfLong folds the logs into the totals if they are long.
func (s *Store) foldIfLong(ctx context.Context) error {
	var rows int
	if err := s.readers.QueryRow(ctx, s.queries.unfolded, maxUnfolded).Scan(&rows); err != nil || rows < maxUnfolded {
		return err
	}
	s.logged.Store(0)
	return s.fold(ctx)
}

// fold folds the logs into the totals, unless another instance does.
func (s *Store) fold(ctx context.Context) error {
	tx, err := s.writers.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.queries.writerBegin})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var locked int
	if err := tx.QueryRow(ctx, s.queries.foldLock).Scan(&locked); err != nil || locked == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, s.queries.fold); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
