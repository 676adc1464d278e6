package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
)

// maxAttempts is the maximum number of attempts if the database proves each time
// that the attempt stored nothing.
const maxAttempts = 4

// Append implements [store.Appender] with one statement and one COMMIT.
//
// It retries only after errors which prove that nothing was committed: a
// deadlock, or a connection that was dead before anything was sent. If a
// connection is lost in the middle, the COMMIT may have succeeded. A retry here
// would then report "duplicate" to a caller whose event was stored by the lost
// COMMIT, and count a duplicate that was never sent. The caller gets that error.
func (s *Store) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := call(ctx, s, "append events", func() ([]event.Outcome, error) {
		if err := ctx.Err(); err != nil || len(events) == 0 {
			return nil, err
		}
		if len(events) == 1 {
			return retryRolledBack(func() ([]event.Outcome, error) { return s.appendOne(ctx, &events[0]) })
		}
		c := s.takeColumns(events)
		defer s.putColumns(c)
		return retryRolledBack(func() ([]event.Outcome, error) { return s.appendBatch(ctx, c) })
	})
	s.sessions.appended(time.Now(), err)
	return outcomes, err
}

// retryRolledBack calls a function again if its error proves that the
// transaction was rolled back and that another attempt may succeed.
func retryRolledBack[T any](run func() (T, error)) (result T, err error) {
	for range maxAttempts {
		if result, err = run(); err == nil || !rolledBack(err) {
			break
		}
	}
	return result, err
}

// appendOne stores a single event.
func (s *Store) appendOne(ctx context.Context, e *event.Event) ([]event.Outcome, error) {
	var stored bool
	if s.pooled {
		return s.appendOnePooled(ctx, e)
	}
	err := s.writers.QueryRow(ctx, s.queries.appendOne, e.Topic, e.ID, e.Timestamp, e.Source, e.Payload).Scan(&stored)
	if err != nil {
		return nil, err
	}
	return outcomeOfOne(stored), nil
}

func outcomeOfOne(stored bool) []event.Outcome {
	if stored {
		return []event.Outcome{event.Stored}
	}
	return []event.Outcome{event.Duplicate}
}

// takeColumns returns the events as columns. putColumns takes them back.
func (s *Store) takeColumns(events []event.Event) *columns {
	c, ok := s.columns.Get().(*columns)
	if !ok {
		c = new(columns)
	}
	c.fill(events)
	return c
}

func (s *Store) putColumns(c *columns) {
	c.reset()
	s.columns.Put(c)
}

// errUnknownIndex means that the database returned an index outside of the batch.
var errUnknownIndex = errors.New("the database returned an index that is not in the batch")

// appendBatch stores a batch in its own transaction. The parameters are encoded
// already.
func (s *Store) appendBatch(ctx context.Context, c *columns) ([]event.Outcome, error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	result := newBatchResult(c.count)
	if s.pooled {
		err = s.inTransaction(ctx, conn.Conn(), s.queries.append, c.encode(), binaryFormat(), result.read)
	} else {
		err = s.appendPrepared(ctx, conn.Conn(), c, result)
	}
	if err != nil {
		return nil, err
	}
	return result.outcomes, result.err
}

// binaryFormat is the format of all parameters or columns.
func binaryFormat() []int16 { return []int16{pgx.BinaryFormatCode} }

// appendPrepared runs append.sql as a prepared statement of the connection.
func (s *Store) appendPrepared(ctx context.Context, conn *pgx.Conn, c *columns, result *batchResult) error {
	statement, err := s.prepareAppend(ctx, conn)
	if err != nil {
		return err
	}
	rows := conn.PgConn().ExecPrepared(ctx, statement, c.encode(), binaryFormat(), binaryFormat())
	for rows.NextRow() {
		result.read(rows.Values())
	}
	_, err = rows.Close()
	return err
}

// prepareAppend returns the name of the prepared append.sql. Only the first call
// on a connection prepares it.
func (s *Store) prepareAppend(ctx context.Context, conn *pgx.Conn) (string, error) {
	statement, err := conn.Prepare(ctx, "append", s.queries.append)
	if err != nil {
		return "", err
	}
	return statement.Name, nil
}

// batchResult turns the rows of append.sql into outcomes.
type batchResult struct {
	outcomes []event.Outcome
	err      error // set if a row is not about an event of the batch
}

func newBatchResult(count int) *batchResult {
	r := &batchResult{outcomes: make([]event.Outcome, count)}
	for i := range r.outcomes {
		r.outcomes[i] = event.Duplicate
	}
	return r
}

// read takes one row: the index of a stored event, counted from 1.
func (r *batchResult) read(row [][]byte) {
	index := int(binary.BigEndian.Uint32(row[0]))
	if index < 1 || index > len(r.outcomes) {
		r.err = errUnknownIndex
		return
	}
	r.outcomes[index-1] = event.Stored
}
