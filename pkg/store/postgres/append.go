package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
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
		c, ok := s.columns.Get().(*columns)
		if !ok {
			c = new(columns)
		}
		defer func() {
			c.reset()
			s.columns.Put(c)
		}()
		c.fill(events)
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
	err := s.writers.QueryRow(ctx, s.queries.appendOne, e.Topic, e.ID, e.Timestamp, e.Source, e.Payload).Scan(&stored)
	if err != nil {
		return nil, err
	}
	if stored {
		return []event.Outcome{event.Stored}, nil
	}
	return []event.Outcome{event.Duplicate}, nil
}

// appendBatch runs the statement and turns the keys it answers into outcomes.
func (s *Store) appendBatch(ctx context.Context, c *columns) ([]event.Outcome, error) {
	rows, err := s.writers.Query(ctx, s.queries.append,
		c.seq, c.topic, c.id, c.timestamp, c.source, c.payload, c.topics, c.received)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	outcomes := make([]event.Outcome, c.count)
	for i := range outcomes {
		outcomes[i] = event.Duplicate
	}
	next := 0
	for rows.Next() {
		if next, err = c.find(rows.RawValues(), next); err != nil {
			return nil, err
		}
		outcomes[c.seq[next]-1] = event.Stored
		next++
	}
	return outcomes, rows.Err()
}

// columns are a batch as the statement wants it: distinct events, sorted by key,
// one slice a column. They are reused from batch to batch.
type columns struct {
	count     int // events in the batch, repeats included
	order     []int32
	seq       []int32 // place in the batch, from 1
	topic     []string
	id        []string
	timestamp []time.Time
	source    []string
	payload   []string
	topics    []string
	received  []int64
}

// fill sorts the events by key and keeps the first of each. Repeats within the
// batch only count: they share the fate of the first, which is committed either
// way.
func (c *columns) fill(events []event.Event) {
	c.count = len(events)
	for i := range events {
		c.order = append(c.order, int32(i))
	}
	slices.SortStableFunc(c.order, func(a, b int32) int {
		return events[a].Key().Compare(events[b].Key())
	})
	for i, at := range c.order {
		e := &events[at]
		if last := len(c.topics) - 1; last < 0 || c.topics[last] != e.Topic {
			c.topics = append(c.topics, e.Topic)
			c.received = append(c.received, 0)
		}
		c.received[len(c.received)-1]++
		if i > 0 && events[c.order[i-1]].Key() == e.Key() {
			continue
		}
		c.seq = append(c.seq, at+1)
		c.topic = append(c.topic, e.Topic)
		c.id = append(c.id, e.ID)
		c.timestamp = append(c.timestamp, e.Timestamp)
		c.source = append(c.source, e.Source)
		c.payload = append(c.payload, e.Payload)
	}
}

// reset empties the columns and drops their references, but keeps the memory.
func (c *columns) reset() {
	for _, texts := range []*[]string{&c.topic, &c.id, &c.source, &c.payload, &c.topics} {
		clear(*texts)
		*texts = (*texts)[:0]
	}
	c.order, c.seq, c.timestamp, c.received = c.order[:0], c.seq[:0], c.timestamp[:0], c.received[:0]
}

// errForeignKey says that the statement answered a key that was not asked.
var errForeignKey = errors.New("the database answered a key that is not in the batch")

// find returns the row of a key that the statement answered. Answers come in
// the order of the rows, so that the search starts where the last one ended.
func (c *columns) find(raw [][]byte, from int) (int, error) {
	for i := from; i < len(c.id); i++ {
		if string(raw[1]) == c.id[i] && string(raw[0]) == c.topic[i] {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: %w", errForeignKey, store.ErrUnavailable)
}
