package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
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
		result, err := s.appendAll(ctx, events)
		if err == nil {
			s.findConflicts(ctx, events, &result)
			s.reports.Record(events, result.outcomes, result.differing)
		}
		return result.outcomes, err
	})
	s.sessions.appended(time.Now(), err)
	s.changed.Store(true)
	return outcomes, err
}

// appendAll appends events without a look at conflicts.
func (s *Store) appendAll(ctx context.Context, events []event.Event) (batchResult, error) {
	if len(events) == 1 {
		return retryRolledBack(ctx, s, func() (batchResult, error) { return s.appendOne(ctx, events) })
	}
	c := s.takeColumns(events)
	defer s.putColumns(c)
	return retryRolledBack(ctx, s, func() (batchResult, error) { return s.appendBatch(ctx, c) })
}

// retryRolledBack calls a function again if its error proves that the
// transaction was rolled back and that another attempt may succeed. If there is no
// partition for the present time, it makes one first.
func retryRolledBack[T any](ctx context.Context, s *Store, run func() (T, error)) (result T, err error) {
	for range maxAttempts {
		result, err = run()
		switch {
		case err == nil:
			return result, nil
		case missingPartition(err):
			if errMake := s.makePartitions(ctx); errMake != nil {
				return result, errMake
			}
		case !rolledBack(err):
			return result, err
		}
	}
	return result, err
}

// Results of append_one.sql.
const (
	resultUnknownTopic = -1
	resultDuplicate    = 0
	resultStored       = 1
)

// appendOne stores a single event.
func (s *Store) appendOne(ctx context.Context, events []event.Event) (batchResult, error) {
	s.logged.Add(1)
	e := &events[0]
	var result int32
	var err error
	if s.pooled {
		result, err = s.appendOnePooled(ctx, e)
	} else {
		err = s.writers.QueryRow(ctx, s.queries.appendOne, e.Topic, appendKey(nil, e.ID), e.Timestamp, e.Source, e.Payload, digestOf(e)).Scan(&result)
	}
	switch {
	case err != nil:
		return batchResult{}, err
	case result == resultUnknownTopic:
		c := s.takeColumns(events)
		defer s.putColumns(c)
		return s.appendBatch(ctx, c)
	case result == resultStored:
		return batchResult{outcomes: []event.Outcome{event.Stored}}, nil
	case result == resultDuplicate:
		return batchResult{outcomes: []event.Outcome{event.Duplicate}}, nil
	default:
		return batchResult{outcomes: []event.Outcome{event.Duplicate}, unproven: []int32{0}}, nil
	}
}

// digestOf returns the digest of one event, in the form of a parameter.
func digestOf(e *event.Event) [digest.Size]byte { return new(digest.Computer).Of(e) }

// takeColumns returns the events as columns. putColumns takes them back.
func (s *Store) takeColumns(events []event.Event) *columns {
	c, ok := s.columns.Get().(*columns)
	if !ok {
		c = new(columns)
	}
	c.fill(events)
	s.logged.Add(int64(len(c.topics)))
	return c
}

func (s *Store) putColumns(c *columns) {
	c.reset()
	s.columns.Put(c)
}

var (
	// errUnknownIndex means that the database returned an index outside of the batch.
	errUnknownIndex = errors.New("the database returned an index that is not in the batch")
	// errTooMany means that the events have no addresses.
	errTooMany = errors.New("more than 1048575 events in one append")
	// errUnknownTopic means that a topic is missing although it was just added.
	errUnknownTopic = errors.New("the database lacks a topic that it has just stored")
)

// appendBatch stores a batch in its own transaction. The parameters are encoded
// already. A topic that is not in the dictionary is added in the transaction that
// stores its first events; the first attempt has stored nothing then. The process
// does not remember topics: their numbers are other ones after a restore.
func (s *Store) appendBatch(ctx context.Context, c *columns) (batchResult, error) {
	if c.count > placeMask {
		return batchResult{}, errTooMany
	}
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return batchResult{}, err
	}
	defer conn.Release()
	result := newBatchResult(c)
	if err := s.run(ctx, conn.Conn(), result.read, s.appendStatement(c)); err != nil {
		return batchResult{}, err
	}
	if errors.Is(result.err, errUnknownTopic) {
		result = newBatchResult(c)
		if err := s.run(ctx, conn.Conn(), result.read, s.topicsStatement(c), s.appendStatement(c)); err != nil {
			return batchResult{}, err
		}
	}
	return result, result.err
}

// statement is a statement of a transaction. All parameters are binary, unless
// formats says otherwise.
type statement struct {
	name    string // of the prepared statement
	text    string
	params  [][]byte
	formats []int16
}

func (s *Store) appendStatement(c *columns) statement {
	return statement{name: "append", text: s.queries.append, params: c.encode(), formats: binaryFormat()}
}

func (s *Store) topicsStatement(c *columns) statement {
	return statement{name: "topics", text: s.queries.addTopics, params: c.encode()[topicParam : topicParam+1], formats: binaryFormat()}
}

// binaryFormat is the format of all parameters or columns.
func binaryFormat() []int16 { return []int16{pgx.BinaryFormatCode} }

// run runs statements in one transaction and one round trip, and calls read for the
// rows of the last one.
func (s *Store) run(ctx context.Context, conn *pgx.Conn, read func(row [][]byte), statements ...statement) error {
	if s.pooled {
		return s.inTransaction(ctx, conn, s.queries.writerTransaction, read, statements...)
	}
	var batch pgconn.Batch
	for _, each := range statements {
		if err := s.prepareIn(ctx, conn, &batch, each); err != nil {
			return err
		}
	}
	return readLast(conn.PgConn().ExecBatch(ctx, &batch), len(statements), read)
}

// prepareIn adds a prepared statement of the connection to a batch. Only the first
// call on a connection prepares it.
func (s *Store) prepareIn(ctx context.Context, conn *pgx.Conn, batch *pgconn.Batch, each statement) error {
	prepared, err := conn.Prepare(ctx, each.name, each.text)
	if err != nil {
		return err
	}
	batch.ExecPrepared(prepared.Name, each.params, each.formats, binaryFormat())
	return nil
}

// readLast calls read for the rows of one of the results, counted from 1, and returns
// the error of any statement, COMMIT included.
func readLast(results *pgconn.MultiResultReader, number int, read func(row [][]byte)) error {
	for i := 1; results.NextResult(); i++ {
		for rows := results.ResultReader(); rows.NextRow(); {
			if i == number {
				read(rows.Values())
			}
		}
	}
	return results.Close()
}

// batchResult turns the rows of append.sql into outcomes.
type batchResult struct {
	outcomes  []event.Outcome
	unproven  []int32          // indexes of duplicates whose content may differ from the stored event
	repeats   bool             // whether the batch has a key twice; unproven has only the first event of a key
	differing map[int][]string // members in which conflicts differ, by index
	err       error            // set if a row is not about an event of the batch
}

func newBatchResult(c *columns) batchResult {
	r := batchResult{outcomes: make([]event.Outcome, c.count), repeats: c.count > len(c.first)}
	for i := range r.outcomes {
		r.outcomes[i] = event.Duplicate
	}
	return r
}

// read takes one row: the index of a stored event, counted from 1, the negative index of
// a duplicate that is not proven to have the content of the stored event, or 0 if a
// topic is unknown.
func (r *batchResult) read(row [][]byte) {
	index := int(int32(binary.BigEndian.Uint32(row[0])))
	switch {
	case index == 0:
		r.err = errUnknownTopic
	case index > len(r.outcomes) || -index > len(r.outcomes):
		r.err = errUnknownIndex
	case index < 0:
		r.unproven = append(r.unproven, int32(-index-1))
	default:
		r.outcomes[index-1] = event.Stored
	}
}
