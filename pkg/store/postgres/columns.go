package postgres

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
)

// columns are the parameters of append.sql for one batch: distinct events, sorted
// by key, with one array per column. The memory is reused for the next batch.
type columns struct {
	count int     // events in the batch, repeats included
	order []int32 // indexes of the events by key; equal keys keep their order
	first []int32 // those indexes in order that are the first of their key
	// topics are the topics of the batch, and received the events of each.
	topics   []string
	received []int64

	digests digest.Computer

	buffer []byte // all encoded parameters, one after the other
	ends   []int  // end of each parameter but the last
	params [][]byte
}

// maxReusedBytes is the maximum size of a buffer that is kept for the next batch.
const maxReusedBytes = 4 << 20

// fill sorts the events by key, encodes the first event of each key, and counts
// the others. A repeat within the batch is a duplicate of the first event, which
// this transaction commits or finds committed.
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
			c.first = append(c.first, at)
		}
	}
	c.param(pgtype.Int4OID, len(c.first))
	for _, at := range c.first {
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, 4)
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, uint32(at)+1)
	}
	c.topicNumbers(events)
	c.param(pgtype.ByteaOID, len(c.first))
	for _, at := range c.first {
		c.key(events[at].ID)
	}
	c.param(pgtype.TimestamptzOID, len(c.first))
	for _, at := range c.first {
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
	c.param(pgtype.UUIDOID, len(c.first))
	for _, at := range c.first {
		content := c.digests.Of(&events[at])
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, digest.Size)
		c.buffer = append(c.buffer, content[:]...)
	}
}

// postgresEpoch is the zero of PostgreSQL's timestamps, 2000-01-01, in
// microseconds of Unix time.
const postgresEpoch = int64(946_684_800 * time.Second / time.Microsecond)

// param begins the next parameter, a one-dimensional array in binary format. The
// format is that of array_send in src/backend/utils/adt/arrayfuncs.c: dimensions,
// a flag for nulls, the elements' type, then length and lower bound of the
// dimension. Each element follows with its length. Encoding the arrays here and
// not in pgx saves a third of the allocations of an append.
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

func (c *columns) texts(events []event.Event, field func(*event.Event) string) {
	c.param(pgtype.TextOID, len(c.first))
	for _, at := range c.first {
		c.text(field(&events[at]))
	}
}

// topicNumbers encodes the number of each event's topic in topics, from 1.
func (c *columns) topicNumbers(events []event.Event) {
	c.param(pgtype.Int4OID, len(c.first))
	number := 0
	for i, at := range c.first {
		if i == 0 || events[at].Topic != c.topics[number-1] {
			number++
		}
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, 4)
		c.buffer = binary.BigEndian.AppendUint32(c.buffer, uint32(number))
	}
}

// key encodes an event_id.
func (c *columns) key(id string) {
	length := len(c.buffer)
	c.buffer = appendKey(append(c.buffer, 0, 0, 0, 0), id)
	binary.BigEndian.PutUint32(c.buffer[length:], uint32(len(c.buffer)-length-4))
}

func (c *columns) text(value string) {
	c.buffer = binary.BigEndian.AppendUint32(c.buffer, uint32(len(value)))
	c.buffer = append(c.buffer, value...)
}

func (c *columns) int8(value int64) {
	c.buffer = binary.BigEndian.AppendUint32(c.buffer, 8)
	c.buffer = binary.BigEndian.AppendUint64(c.buffer, uint64(value))
}

// topicParam is the index of the parameter that has the topics, which is also the
// parameter of add_topics.sql.
const topicParam = 6

// encode returns the parameters of the statement. They use the memory of c.
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
	if cap(c.buffer) > maxReusedBytes {
		c.buffer, c.params = nil, nil
	}
	c.order, c.first, c.topics, c.received = c.order[:0], c.first[:0], c.topics[:0], c.received[:0]
	c.buffer, c.ends = c.buffer[:0], c.ends[:0]
}
