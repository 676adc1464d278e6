package postgres

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/eventagg/eventagg/pkg/event"
)

// columns are a batch as append.sql wants it: distinct events, sorted by key,
// one array a column. They are reused from batch to batch.
type columns struct {
	count int     // events in the batch, repeats included
	order []int32 // the events by key, equal keys in the order given
	kept  []int32 // those of them that are the first of their key
	// topics has each topic of the batch, and received how many events of it.
	topics   []string
	received []int64

	buffer []byte // all parameters, encoded, one behind the other
	ends   []int  // where each ends
	params [][]byte
}

// keptBytes is how large a buffer may be to be kept for the next batch.
const keptBytes = 4 << 20

// fill sorts the events by key, keeps the first of each, and encodes them.
// Repeats within the batch only count: they share the fate of the first, which
// is committed either way.
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
		if i == 0 || events[c.order[i-1]].Key() != e.Key() {
			c.kept = append(c.kept, at)
		}
	}
	c.param(pgtype.Int4OID, len(c.kept))
	for _, at := range c.kept {
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, 4)
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, uint32(at)+1)
	}
	c.texts(events, func(e *event.Event) string { return e.Topic })
	c.texts(events, func(e *event.Event) string { return e.ID })
	c.param(pgtype.TimestamptzOID, len(c.kept))
	for _, at := range c.kept {
		c.int8(events[at].Timestamp.UnixMicro() - postgresEpoch)
	}
	c.texts(events, func(e *event.Event) string { return e.Source })
	c.texts(events, func(e *event.Event) string { return e.Payload })
	c.param(pgtype.TextOID, len(c.topics))
	for _, topic := range c.topics {
		c.text(topic)
	}
	c.param(pgtype.Int8OID, len(c.received))
	for _, n := range c.received {
		c.int8(n)
	}
}

// postgresEpoch is when PostgreSQL's clock starts, 2000-01-01, in Unix time.
const postgresEpoch = int64(946_684_800 * time.Second / time.Microsecond)

// param begins the next parameter, a one-dimensional array in binary form. The
// form is array_send's, in src/backend/utils/adt/arrayfuncs.c: dimensions, a
// flag for nulls, the elements' type, then length and lower bound of the
// dimension; each element follows with its own length. Encoding it here instead
// of in pgx costs a third of the allocations of an append.
func (c *columns) param(element, length int) {
	if len(c.buffer) > 0 {
		c.ends = append(c.ends, len(c.buffer))
	}
	dimensions := 1
	if length == 0 {
		dimensions = 0
	}
	for _, header := range []int{dimensions, 0, element, length, 1}[:3+2*dimensions] {
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, uint32(header))
	}
}

func (c *columns) texts(events []event.Event, of func(*event.Event) string) {
	c.param(pgtype.TextOID, len(c.kept))
	for _, at := range c.kept {
		c.text(of(&events[at]))
	}
}

func (c *columns) text(value string) {
	c.buffer = binary.BigEndian.AppendUint32(c.buffer, uint32(len(value)))
	c.buffer = append(c.buffer, value...)
}

func (c *columns) int8(value int64) {
	c.buffer = binary.BigEndian.AppendUint32(c.buffer, 8)
	c.buffer = binary.BigEndian.AppendUint64(c.buffer, uint64(value))
}

// encode returns the parameters of the statement. They are parts of c.
func (c *columns) encode() [][]byte {
	c.params = c.params[:0]
	from := 0
	for _, end := range append(c.ends, len(c.buffer)) {
		c.params = append(c.params, c.buffer[from:end])
		from = end
	}
	return c.params
}

// reset empties the columns and drops their references, but keeps the memory.
func (c *columns) reset() {
	clear(c.topics)
	if cap(c.buffer) > keptBytes {
		c.buffer, c.params = nil, nil
	}
	c.order, c.kept, c.topics, c.received = c.order[:0], c.kept[:0], c.topics[:0], c.received[:0]
	c.buffer, c.ends = c.buffer[:0], c.ends[:0]
}
