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

// appendOnePooled is appendOne through a pooler.
func (s *Store) appendOnePooled(ctx context.Context, e *event.Event) ([]event.Outcome, error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	var moment columns
	moment.int8(e.Timestamp.UnixMicro() - postgresEpoch)
	params := [][]byte{[]byte(e.Topic), []byte(e.ID), moment.buffer[4:], []byte(e.Source), []byte(e.Payload)}
	formats := []int16{pgx.TextFormatCode, pgx.TextFormatCode, pgx.BinaryFormatCode, pgx.TextFormatCode, pgx.TextFormatCode}
	stored := false
	err = s.inTransaction(ctx, conn.Conn(), s.queries.appendOne, params, formats, func(row [][]byte) { stored = row[0][0] != 0 })
	if err != nil {
		return nil, err
	}
	return outcomeOfOne(stored), nil
}

// errNotCommitted says that the server answered a COMMIT with something else.
var errNotCommitted = errors.New("the database did not commit")

// inTransaction runs one statement in a transaction that names all it rests on,
// and gives its rows to read; they count when the error is nil, which is after
// the COMMIT. All of it is sent at once and costs one round trip, as without
// a pooler. After an error the server skips what is left, the COMMIT included.
func (s *Store) inTransaction(ctx context.Context, conn *pgx.Conn, statement string, params [][]byte, formats []int16, read func(row [][]byte)) error {
	pipeline := conn.PgConn().StartPipeline(ctx)
	pipeline.SendQueryParams(s.queries.writerBegin, nil, nil, nil, nil)
	pipeline.SendQueryParams(s.queries.writerTransaction, nil, nil, nil, nil)
	pipeline.SendQueryParams(statement, params, nil, formats, binaryFormat())
	pipeline.SendQueryParams("COMMIT", nil, nil, nil, nil)
	err := pipeline.Sync()
	ignore := func([][]byte) {}
	for _, use := range []func([][]byte){ignore, ignore, read} {
		if err == nil {
			_, err = nextAnswer(pipeline, use)
		}
	}
	if err == nil {
		var tag pgconn.CommandTag
		if tag, err = nextAnswer(pipeline, ignore); err == nil && tag.String() != "COMMIT" {
			err = errNotCommitted
		}
	}
	if errClose := pipeline.Close(); err == nil {
		err = errClose
	}
	if err != nil && !conn.IsClosed() && conn.PgConn().TxStatus() != 'I' {
		// Where this fails the pool closes the connection, which comes to the same.
		_, _ = conn.Exec(ctx, "ROLLBACK")
	}
	return err
}

// nextAnswer reads what the next statement of a pipeline answered.
func nextAnswer(pipeline *pgconn.Pipeline, use func(row [][]byte)) (pgconn.CommandTag, error) {
	results, err := pipeline.GetResults()
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	answer, ok := results.(*pgconn.ResultReader)
	if !ok {
		return pgconn.CommandTag{}, fmt.Errorf("%w: no answer but %T", errNotCommitted, results)
	}
	for answer.NextRow() {
		use(answer.Values())
	}
	return answer.Close()
}

// How often the lock of the migrations is asked for, and how long.
const (
	lockPause = 200 * time.Millisecond
	lockWait  = 5 * time.Minute
)

// migrateUpPooled is migrateUp through a pooler, where a lock of a session would
// stay with a connection of the pooler that nobody can name. The lock is one of
// a transaction instead, which stays open beside the steps. Whoever waits
// doesn't do so inside the database: a few would hold all of the pooler's
// connections, and the one who works would find none.
//
// It is the lock that instances without a pooler take, so they exclude each other.
func migrateUpPooled(ctx context.Context, db *stdsql.DB, migrations fs.FS) (int, error) {
	const attempt = "lock the migrations"
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	pause := time.NewTicker(lockPause)
	defer pause.Stop()
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, translate(ctx, err, attempt)
		}
		var locked bool
		err = tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1::bigint)", lock.DefaultLockID).Scan(&locked)
		if err == nil && locked {
			applied, err := takeSteps(ctx, db, migrations)
			_ = tx.Rollback() // nothing but the lock; if it was lost, the steps are committed all the same
			return applied, err
		}
		_ = tx.Rollback()
		if err != nil {
			return 0, translate(ctx, err, attempt)
		}
		select {
		case <-pause.C:
		case <-wait.Done():
			return 0, translate(ctx, wait.Err(), attempt)
		}
	}
}
