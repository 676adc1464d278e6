package postgres

import (
	"context"
	stdsql "database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3/lock"

	"github.com/eventagg/eventagg/pkg/event"
)

// appendOnePooled is appendOne behind a pooler. It returns the result of
// append_one.sql.
func (s *Store) appendOnePooled(ctx context.Context, e *event.Event) (result int32, err error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	var timestamp columns
	content := digestOf(e)
	timestamp.int8(e.Timestamp.UnixMicro() - postgresEpoch)
	one := statement{
		text:    s.queries.appendOne,
		params:  [][]byte{[]byte(e.Topic), appendKey(nil, e.ID), timestamp.buffer[4:], []byte(e.Source), []byte(e.Payload), content[:]},
		formats: []int16{pgx.TextFormatCode, pgx.BinaryFormatCode, pgx.BinaryFormatCode, pgx.TextFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode},
	}
	err = s.inTransaction(ctx, conn.Conn(), s.queries.writerTransaction, func(row [][]byte) { result = int32(binary.BigEndian.Uint32(row[0])) }, one)
	return result, err
}

// errNotCommitted means that the response to COMMIT was not "COMMIT".
var errNotCommitted = errors.New("the database did not commit")

// inTransaction runs statements in a transaction that sets its own isolation level
// and, with the statement settings, its synchronous_commit. It calls read for each row
// of the last statement. The rows are valid only if the error is nil, because only
// then the COMMIT succeeded. Everything is sent at once and costs one round trip, as
// without a pooler. After an error the server skips the rest, COMMIT included.
func (s *Store) inTransaction(ctx context.Context, conn *pgx.Conn, settings string, read func(row [][]byte), statements ...statement) error {
	pipeline := conn.PgConn().StartPipeline(ctx)
	pipeline.SendQueryParams(s.queries.writerBegin, nil, nil, nil, nil)
	pipeline.SendQueryParams(settings, nil, nil, nil, nil)
	for _, each := range statements {
		pipeline.SendQueryParams(each.text, each.params, nil, each.formats, binaryFormat())
	}
	pipeline.SendQueryParams("COMMIT", nil, nil, nil, nil)
	err := pipeline.Sync()
	ignore := func([][]byte) {}
	for i := 1; i <= 2+len(statements) && err == nil; i++ {
		each := ignore
		if i == 2+len(statements) {
			each = read
		}
		_, err = nextResult(pipeline, each)
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
