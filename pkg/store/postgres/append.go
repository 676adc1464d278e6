package postgres

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
)

// maxAttempts bounds how often an append is tried when the database says for
// certain that the last try left nothing behind.
const maxAttempts = 4

// Append implements [store.Appender] with one statement and one COMMIT.
//
// It tries again by itself only after errors that prove that nothing was
// committed: a deadlock, a connection that was dead before anything was sent.
// After a connection lost in the middle nobody knows; trying again here would
// then answer "duplicate" to a caller whose event the lost COMMIT has stored,
// and count a repeat that nobody sent. That error goes to the caller.
func (s *Store) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	const attempt = "append events"
	if err := s.enter(attempt); err != nil {
		return nil, err
	}
	defer s.life.RUnlock()
	if err := ctx.Err(); err != nil || len(events) == 0 {
		return nil, err
	}
	try := func() ([]event.Outcome, error) { return s.appendOne(ctx, &events[0]) }
	if len(events) > 1 {
		c := s.takeColumns(events)
		defer s.putColumns(c)
		try = func() ([]event.Outcome, error) { return s.appendBatch(ctx, c) }
	}
	for tries := 1; ; tries++ {
		outcomes, err := try()
		if err == nil {
			return outcomes, nil
		}
		if !rolledBack(err) || tries == maxAttempts {
			return nil, translate(ctx, err, attempt)
		}
	}
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

// takeColumns returns the events as columns, to be given back.
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

// errPlace says that the statement answered a place that the batch has not.
var errPlace = errors.New("the database answered a place that is not in the batch")

// appendBatch stores a batch in a transaction of its own, with parameters that
// are encoded already.
func (s *Store) appendBatch(ctx context.Context, c *columns) ([]event.Outcome, error) {
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	places := newPlaces(c.count)
	if s.pooled {
		err = s.inTransaction(ctx, conn.Conn(), s.queries.append, c.encode(), binaryFormat(), places.read)
	} else {
		err = s.appendPrepared(ctx, conn.Conn(), c, places)
	}
	switch {
	case err != nil:
		return nil, err
	case places.stray:
		return nil, errPlace
	default:
		return places.outcomes, nil
	}
}

// binaryFormat is the form of all parameters or columns.
func binaryFormat() []int16 { return []int16{pgx.BinaryFormatCode} }

// appendPrepared runs append.sql, which the connection keeps prepared.
func (s *Store) appendPrepared(ctx context.Context, conn *pgx.Conn, c *columns, places *places) error {
	statement, err := s.prepareAppend(ctx, conn)
	if err != nil {
		return err
	}
	answer := conn.PgConn().ExecPrepared(ctx, statement, c.encode(), binaryFormat(), binaryFormat())
	for answer.NextRow() {
		places.read(answer.Values())
	}
	_, err = answer.Close()
	return err
}

// prepareAppend returns the name of append.sql, which pgx remembers to have
// prepared.
func (s *Store) prepareAppend(ctx context.Context, conn *pgx.Conn) (string, error) {
	statement, err := conn.Prepare(ctx, "append", s.queries.append)
	if err != nil {
		return "", err
	}
	return statement.Name, nil
}

// places turns the answer of append.sql into outcomes.
type places struct {
	outcomes []event.Outcome
	stray    bool // a place was answered that the batch has not
}

func newPlaces(count int) *places {
	p := &places{outcomes: make([]event.Outcome, count)}
	for i := range p.outcomes {
		p.outcomes[i] = event.Duplicate
	}
	return p
}

// read takes a row of the answer.
func (p *places) read(row [][]byte) {
	place := int(binary.BigEndian.Uint32(row[0]))
	if place < 1 || place > len(p.outcomes) {
		p.stray = true
		return
	}
	p.outcomes[place-1] = event.Stored
}
