package redis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// Maximum of one entry. An event that is larger has its own entry. A consumer reads
// eight entries first, because it does not know how large they are.
const (
	entryEvents = 500
	entryBytes  = 1 << 20
)

// entry is an entry of a stream.
type entry struct {
	events int
	lines  []byte // one line of JSON for each event
}

// pack distributes events to as few entries as possible, in order.
func pack(events []event.Event) []entry {
	var (
		entries []entry
		all     []byte
		from    int // start of the current entry in all
		count   int
	)
	for _, e := range events {
		before := len(all)
		all = append(codec.Append(all, e), '\n')
		if count > 0 && (count == entryEvents || len(all)-from > entryBytes) {
			entries = append(entries, entry{events: count, lines: all[from:before:before]})
			from, count = before, 0
		}
		count++
	}
	if count > 0 {
		entries = append(entries, entry{events: count, lines: all[from:]})
	}
	return entries
}

// newID returns a random delivery ID.
func (q *Queue) newID() (string, error) {
	var id store.DeliveryID
	if _, err := io.ReadFull(q.options.Random, id[:]); err != nil {
		return "", fmt.Errorf("random delivery ID: %w", err)
	}
	return string(id[:]), nil
}

// ref identifies a message: its stream, its ID, and what it adds to the size.
type ref struct {
	stream        int
	id            string
	events, bytes int64
}

// String returns the Ref of the message; parseRef parses it.
func (r ref) String() string {
	return fmt.Sprintf("%d/%s/%d/%d", r.stream, r.id, r.events, r.bytes)
}

var errRef = errors.New("invalid message reference")

func (q *Queue) parseRef(text string) (ref, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 4 {
		return ref{}, fmt.Errorf("%w %q", errRef, text)
	}
	number, errStream := strconv.Atoi(parts[0])
	events, errEvents := strconv.ParseInt(parts[2], 10, 64)
	size, errBytes := strconv.ParseInt(parts[3], 10, 64)
	if errors.Join(errStream, errEvents, errBytes) != nil || number < 0 || number >= len(q.streams) {
		return ref{}, fmt.Errorf("%w %q", errRef, text)
	}
	return ref{stream: number, id: parts[1], events: events, bytes: size}, nil
}

// message parses an entry. A message that can't be parsed is broken; that is not an
// error.
func message(decoder *codec.Decoder, number int, id string, fields map[string]string, deliveries int64) queue.Message {
	r := ref{stream: number, id: id}
	// An entry of another program has no counts, and the size does not include it.
	r.events, _ = strconv.ParseInt(fields["n"], 10, 64)
	r.bytes, _ = strconv.ParseInt(fields["b"], 10, 64)
	r.events, r.bytes = max(r.events, 0), max(r.bytes, 0)
	m := queue.Message{Ref: r.String(), Deliveries: deliveries}
	m.QueuedAt, _ = timeOf(id)
	if m.Broken = checkID(fields["d"]); m.Broken == nil {
		copy(m.ID[:], fields["d"])
		m.Events, m.Broken = decode(decoder, []byte(fields["e"]), int(r.events))
	}
	if m.Broken != nil {
		m.Events, m.Broken = nil, fmt.Errorf("unreadable entry %s: %w", id, m.Broken)
	}
	return m
}

func checkID(d string) error {
	if len(d) != len(store.DeliveryID{}) {
		return fmt.Errorf("field d has %d bytes, expected %d", len(d), len(store.DeliveryID{}))
	}
	return nil
}

func decode(decoder *codec.Decoder, lines []byte, count int) ([]event.Event, error) {
	events := make([]event.Event, 0, min(max(count, 1), entryEvents))
	for line := range bytes.Lines(lines) {
		e, err := decoder.Decode(line)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", len(events)+1, err)
		}
		events = append(events, e)
	}
	if len(events) == 0 {
		return nil, errors.New("field e has no event")
	}
	return events, nil
}

// fieldsOf parses a list of names and values in a reply.
func fieldsOf(reply any) map[string]string {
	list, _ := reply.([]any)
	fields := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		fields[name], _ = list[i+1].(string)
	}
	return fields
}
