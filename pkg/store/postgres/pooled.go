package postgres

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3/lock"

	"github.com/eventagg/eventagg/pkg/event"
)

// appendOnePooled is appendOne behind a pooler.
func (s *Store) appendOnePooled(ctx context.Context, e *event.Event) ([]event.Outcome, error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	var timestamp columns
	timestamp.int8(e.Timestamp.UnixMicro() - postgresEpoch)
	params := [][]byte{[]byte(e.Topic), []byte(e.ID), timestamp.buffer[4:], []byte(e.Source), []byte(e.Payload)}
	formats := []int16{pgx.TextFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode, pgx.TextFormatCode, pgx.TextFormatCode}
	stored := false
	err = s.inTransaction(ctx, conn.Conn(), s.queries.appendOne, params, formats, func(row [][]byte) { stored = row[0][0] != 0 })
	if err != nil {
		return nil, err
	}
	return outcomeOfOne(stored), nil
}

// errNotCommitted means that the response to COMMIT was not "COMMIT".
var errNotCommitted = errors.New("the database did not commit")

// inTransaction runs one statement in a transaction that sets its own isolation
// level and synchronous_commit. It calls read for each row. The rows are valid
// only if the error is nil, because only then the COMMIT succeeded. Everything is
// sent at once and costs one round trip, as without a pooler. After an error the
// server skips the rest, COMMIT included.
func (s *Store) inTransaction(ctx context.Context, conn *pgx.Conn, statement string, params [][]byte, formats []int16, read func(row [][]byte)) error {
	pipeline := conn.PgConn().StartPipeline(ctx)
	pipeline.SendQueryParams(s.queries.writerBegin, nil, nil, nil, nil)
	pipeline.SendQueryParams(s.queries.writerTransaction, nil, nil, nil, nil)
	pipeline.SendQueryParams(statement, params, nil, formats, binaryFormat())
	pipeline.SendQueryParams("COMMIT", nil, nil, nil, nil)
	err := pipeline.Sync()
	ignore := func([][]byte) {}
	for _, each := range []func([][]byte){ignore, ignore, read} {
		if err == nil {
			_, err = nextResult(pipeline, each)
		}
	}
	if err == nil {
		var tag pgconn.CommandTag
		if tag, err = nextResult(pipeline, ignore); err == nil && tag.String() != "COMMIT" {
			err = errNotCommitted
		}
	}
	if errClose := pipeline.Close(); err == nil {
		err = errClose
	}
	if err != nil && !conn.IsClosed() && conn.PgConn().TxStatus() != idle {
		// If this fails the pool closes the connection, which rolls back, too.
		_, _ = conn.Exec(ctx, "ROLLBACK")
	}
	return err
}

// nextResult calls each for the rows of the next statement of a pipeline.
func nextResult(pipeline *pgconn.Pipeline, each func(row [][]byte)) (pgconn.CommandTag, error) {
	results, err := pipeline.GetResults()
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows, ok := results.(*pgconn.ResultReader)
	if !ok {
		return pgconn.CommandTag{}, fmt.Errorf("%w: unexpected response %T", errNotCommitted, results)
	}
	for rows.NextRow() {
		each(rows.Values())
	}
	return rows.Close()
}

// Interval and timeout of the attempts to lock the migrations.
const (
	lockInterval = 200 * time.Millisecond
	lockTimeout  = 5 * time.Minute
)

// migrateUpPooled is migrateUp behind a pooler. A session lock would stay with a
// connection of the pooler that can't be chosen again. The lock therefore belongs
// to a transaction that stays open beside the steps. An instance that waits for
// it does not block inside the database: a few of them would hold all of the
// pooler's connections, and the working instance would get none.
//
// Instances without a pooler use the same lock, so they exclude each other.
func migrateUpPooled(ctx context.Context, db *stdsql.DB, migrations fs.FS, schema string) (int, error) {
	const attempted = "lock the migrations"
	waiting, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, translate(ctx, err, attempted)
		}
		var locked bool
		err = tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1::bigint)", lock.DefaultLockID).Scan(&locked)
		if err == nil && locked {
			applied, err := applySteps(ctx, db, migrations, schema)
			_ = tx.Rollback() // releases the lock; the steps are committed even if this fails
			return applied, err
		}
		_ = tx.Rollback()
		if err != nil {
			return 0, translate(ctx, err, attempted)
		}
		select {
		case <-tick.C:
		case <-waiting.Done():
			return 0, translate(ctx, waiting.Err(), attempted)
		}
	}
}
