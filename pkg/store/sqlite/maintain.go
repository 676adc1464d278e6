package sqlite

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// maintainInterval is the time between two looks at the files.
	maintainInterval = time.Second
	// idleIntervals is the number of intervals without a write after which the WAL
	// is copied into the database file and emptied.
	idleIntervals = 3
	// walWarnBytes is the size of the WAL that is logged, and again at each
	// doubling. Normal work needs 32 MiB.
	walWarnBytes = 256 << 20
	// clockInterval is the time between two comparisons with the newest event, and
	// clockTolerance the difference that is not logged.
	clockInterval  = time.Minute
	clockTolerance = time.Minute
)

// maintenance is what one look at the files keeps for the next.
type maintenance struct {
	store    *Store
	log      *slog.Logger
	failed   string // the problem that was logged
	warnAt   int64  // size of the WAL for the next warning
	modified time.Time
	idle     int
	ahead    bool // logged that the newest event is ahead of the clock
	clock    time.Time
}

// maintain looks at the files until the store is closed.
func (s *Store) maintain(log *slog.Logger) {
	m := maintenance{store: s, log: log, warnAt: walWarnBytes}
	m.checkClock()
	ticker := time.NewTicker(maintainInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
			m.run()
		}
	}
}

func (m *maintenance) run() {
	if err := m.checkFiles(); err != nil {
		return
	}
	m.checkSize()
	m.truncateIfIdle()
	if time.Since(m.clock) >= clockInterval {
		m.checkClock()
	}
}

// checkFiles saves the events as soon as a file is removed, also if none arrive.
func (m *maintenance) checkFiles() error {
	err := m.store.intact(context.Background())
	switch {
	case err == nil && m.failed != "":
		m.failed = ""
		m.log.Info("database files are in place again", slog.String("path", m.store.path))
	case err != nil && err.Error() != m.failed:
		m.failed = err.Error()
		m.log.Error("database files changed while in use", slog.String("path", m.store.path), slog.String("error", m.failed),
			slog.String("consequence", "no events are stored"))
	}
	return err
}

// checkSize logs that the WAL grows. It can't be reused while a reader holds on to
// an old state, so it grows until that reader ends or the disk is full.
func (m *maintenance) checkSize() {
	size, err := m.store.WALBytes()
	if err != nil {
		return
	}
	switch {
	case size >= m.warnAt:
		m.log.Warn("write-ahead log grows", slog.String("path", m.store.path+walSuffix), slog.Int64("bytes", size),
			slog.String("consequence", "it can fill the disk; a program keeps a read transaction open, find it with fuser or lsof"))
		for m.warnAt <= size {
			m.warnAt *= 2
		}
	case size <= walLimitBytes && m.warnAt > walWarnBytes:
		m.warnAt = walWarnBytes
		m.log.Info("write-ahead log is small again", slog.String("path", m.store.path+walSuffix), slog.Int64("bytes", size))
	}
}

// truncateIfIdle empties the WAL after some seconds without a write, so that a copy
// of the database file alone has every event.
func (m *maintenance) truncateIfIdle() {
	log, err := os.Stat(m.store.path + walSuffix)
	if err != nil {
		return
	}
	if !log.ModTime().Equal(m.modified) {
		m.modified, m.idle = log.ModTime(), 0
		return
	}
	m.idle++
	if m.idle >= idleIntervals && log.Size() > 0 {
		if err := m.store.checkpoint(context.Background()); err != nil {
			m.log.Debug("write-ahead log not emptied", slog.String("error", err.Error()))
		}
	}
}

// checkClock logs if an event was stored while the clock was ahead of now.
func (m *maintenance) checkClock() {
	m.clock = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), maintainInterval)
	defer cancel()
	var newest stdsql.NullInt64
	if err := m.store.read.newestTime.QueryRowContext(ctx).Scan(&newest); err != nil || !newest.Valid {
		return
	}
	now := m.store.now()
	ahead := timeOf(newest.Int64).Sub(now) > clockTolerance
	if ahead && !m.ahead {
		m.log.Warn("newest stored time is ahead of the clock", slog.Time("newest", timeOf(newest.Int64)), slog.Time("clock", now.UTC()),
			slog.String("consequence", "since and until miss or include events by a wrong created_at"))
	}
	m.ahead = ahead
}

// intact fails unless the database file and its WAL are those that were opened. If
// the WAL was removed, it copies the events from there into the database file.
func (s *Store) intact(ctx context.Context) error {
	if err := s.present(); err != nil {
		return err
	}
	err := s.wal.check()
	switch {
	case err == nil:
		s.saved.Store(false)
		return nil
	case !errors.Is(err, errWALRemoved):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if !s.saved.Load() {
		if failed := s.checkpoint(context.WithoutCancel(ctx)); failed != nil {
			return fmt.Errorf("%w: %w, and its events can't be copied into the database file yet; do not stop eventagg: %w",
				store.ErrUnavailable, err, failed)
		}
		s.saved.Store(true)
	}
	return fmt.Errorf("%w: %w; all events were copied into %s, none is lost; restart eventagg", store.ErrUnavailable, err, s.path)
}

// checkpoint copies the WAL into the database file and empties it. It fails at once
// if another connection reads or writes, so that appends do not wait for it.
func (s *Store) checkpoint(ctx context.Context) (err error) {
	connection, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	if _, err := connection.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return err
	}
	defer func() {
		_, failed := connection.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", busyMillis))
		err = errors.Join(err, failed)
	}()
	var busy, frames, copied int64
	if err := connection.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &copied); err != nil {
		return translate(ctx, err, "empty the write-ahead log")
	}
	if busy != 0 && (frames < 0 || copied < frames) {
		return fmt.Errorf("another connection uses the database: %d of %d pages were copied", copied, frames)
	}
	return nil
}

// WALBytes returns the size of the write-ahead log.
func (s *Store) WALBytes() (int64, error) { return s.wal.bytes() }
