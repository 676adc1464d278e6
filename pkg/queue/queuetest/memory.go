package queuetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// MemoryOptions tune a Memory. The zero value of each field stands for its
// default.
type MemoryOptions struct {
	// MaxEvents and MaxBytes bound the queue, default 1,000,000 and 256 MiB.
	MaxEvents, MaxBytes int64
	// Now is the queue's clock, default time.Now.
	Now func() time.Time
	// Random draws the names of deliveries, default crypto/rand.
	Random io.Reader
}

// Memory is a queue in memory, for tests. What one append brings is one message.
type Memory struct {
	*data
	closed bool
}

// data is what the queues that were opened on it share.
type data struct {
	options MemoryOptions

	mu      sync.Mutex
	items   []*item // the oldest first
	dead    []queue.DeadLetter
	size    queue.Size
	last    int64         // the number given out last
	away    error         // what every call answers
	changed chan struct{} // closed when somebody who waits should look again
}

// item is a queued message.
type item struct {
	queue.Message
	number  int64
	bytes   int64
	origin  time.Time // when its events were queued first
	owner   string    // empty while nobody was given it
	givenAt time.Time
}

var _ queue.Queue = (*Memory)(nil)

// NewMemory returns an empty queue.
func NewMemory(options MemoryOptions) *Memory {
	options.MaxEvents = cmp.Or(options.MaxEvents, 1_000_000)
	options.MaxBytes = cmp.Or(options.MaxBytes, 256<<20)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Random == nil {
		options.Random = rand.Reader
	}
	return &Memory{data: &data{options: options, changed: make(chan struct{})}}
}

// Again returns one more queue on the same data, as another instance opens it.
func (m *Memory) Again() *Memory { return &Memory{data: m.data} }

// Fail makes every call but Close answer an error, as a server would that is
// away; nil ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = err
	m.wake()
}

// wake lets those who wait look again; the caller holds the lock.
func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// begin locks the queue for a call, or reports why there can be none.
func (m *Memory) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory queue: %w", err)
	}
	m.mu.Lock()
	err := m.away
	if m.closed {
		err = store.ErrClosed
	}
	if err != nil {
		m.mu.Unlock()
		return fmt.Errorf("memory queue: %w", err)
	}
	return nil
}

// Append takes all events as one message, or none.
func (m *Memory) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if len(events) == 0 {
		return nil, nil
	}
	bytes := sizeOf(events)
	taken := m.size.Events + m.size.DeadLetters
	if taken+int64(len(events)) > m.options.MaxEvents || m.size.Bytes+m.deadBytes()+bytes > m.options.MaxBytes {
		err := fmt.Errorf("memory queue: %w: %d events are queued", store.ErrOverloaded, m.size.Events)
		return nil, &store.RetryError{Err: err, After: time.Second}
	}
	if err := m.push(slices.Clone(events), time.Time{}); err != nil {
		return nil, err
	}
	return slices.Repeat([]event.Outcome{event.Queued}, len(events)), nil
}

func sizeOf(events []event.Event) int64 {
	var bytes int64
	for _, e := range events {
		bytes += int64(e.Size())
	}
	return bytes
}

func (m *Memory) deadBytes() int64 {
	var bytes int64
	for _, letter := range m.dead {
		bytes += int64(letter.Event.Size())
	}
	return bytes
}

// push queues a message, of events that were queued first at origin, zero for
// now; the caller holds the lock.
func (m *Memory) push(events []event.Event, origin time.Time) error {
	n := &item{number: m.last + 1, bytes: sizeOf(events), origin: origin}
	if _, err := io.ReadFull(m.options.Random, n.ID[:]); err != nil {
		return err
	}
	m.last++
	n.Ref, n.QueuedAt, n.Events = strconv.FormatInt(n.number, 10), m.options.Now(), events
	if origin.IsZero() {
		n.origin = n.QueuedAt
	}
	m.items = append(m.items, n)
	m.size.Events += int64(len(events))
	m.size.Bytes += n.bytes
	m.wake()
	return nil
}

// pull removes a message if it is there; the caller holds the lock.
func (m *Memory) pull(ref string) *item {
	at := slices.IndexFunc(m.items, func(i *item) bool { return i.Ref == ref })
	if at < 0 {
		return nil
	}
	pulled := m.items[at]
	m.items = slices.Delete(m.items, at, at+1)
	m.size.Events -= int64(len(pulled.Events))
	m.size.Bytes -= pulled.bytes
	return pulled
}

// Ping answers what Fail was told.
func (m *Memory) Ping(ctx context.Context) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mu.Unlock()
	return nil
}

// Size tells what is queued.
func (m *Memory) Size(ctx context.Context) (queue.Size, error) {
	if err := m.begin(ctx); err != nil {
		return queue.Size{}, err
	}
	defer m.mu.Unlock()
	return m.size, nil
}

// LowWatermark is when the oldest message was queued, or now.
func (m *Memory) LowWatermark(ctx context.Context) (time.Time, error) {
	if err := m.begin(ctx); err != nil {
		return time.Time{}, err
	}
	defer m.mu.Unlock()
	if len(m.items) > 0 {
		return m.items[0].QueuedAt, nil
	}
	return m.options.Now(), nil
}

// DeadLetters lists them in the order buried.
func (m *Memory) DeadLetters(ctx context.Context, after string, limit int) ([]queue.DeadLetter, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	last, _ := strconv.ParseInt(after, 10, 64)
	var found []queue.DeadLetter
	for _, letter := range m.dead {
		number, _ := strconv.ParseInt(letter.ID, 10, 64)
		if number > last && len(found) < limit {
			found = append(found, letter)
		}
	}
	return found, nil
}

// Retry queues dead letters anew.
func (m *Memory) Retry(ctx context.Context, ids []string) (int64, error) {
	return m.exhume(ctx, ids, func(letter queue.DeadLetter) error {
		return m.push([]event.Event{letter.Event}, letter.QueuedAt)
	})
}

// Drop removes dead letters.
func (m *Memory) Drop(ctx context.Context, ids []string) (int64, error) {
	return m.exhume(ctx, ids, func(queue.DeadLetter) error { return nil })
}

func (m *Memory) exhume(ctx context.Context, ids []string, what func(queue.DeadLetter) error) (int64, error) {
	if err := m.begin(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	var count int64
	for _, id := range ids {
		at := slices.IndexFunc(m.dead, func(letter queue.DeadLetter) bool { return letter.ID == id })
		if at < 0 {
			continue
		}
		if err := what(m.dead[at]); err != nil {
			return count, err
		}
		m.dead = slices.Delete(m.dead, at, at+1)
		m.size.DeadLetters--
		count++
	}
	return count, nil
}

// Close ends the queue and those who wait for messages.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.wake()
	return nil
}
