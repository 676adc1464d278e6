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

// MemoryOptions configure a Memory. A zero field means its default.
type MemoryOptions struct {
	// MaxEvents and MaxBytes bound the queue, default 1,000,000 and 256 MiB.
	MaxEvents, MaxBytes int64
	// Now is the queue's clock, default time.Now.
	Now func() time.Time
	// Random is the source of delivery IDs, default crypto/rand.
	Random io.Reader
}

// Memory is a queue in memory, for tests. The events of one append are one message.
type Memory struct {
	*data
	closed bool
}

// data is shared by all queues that were opened on it.
type data struct {
	options MemoryOptions

	mu      sync.Mutex
	items   []*item // the oldest first
	dead    []queue.DeadLetter
	size    queue.Size
	last    int64         // the last number used
	err     error         // what every call returns; see Fail
	changed chan struct{} // closed when waiting consumers should look again
}

// item is a queued message.
type item struct {
	queue.Message
	bytes     int64
	origin    time.Time // when its events were first queued
	owner     string    // the consumer that has it, or empty
	renewedAt time.Time
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

// Again returns another queue on the same data, as another instance has.
func (m *Memory) Again() *Memory { return &Memory{data: m.data} }

// Fail makes every call but Close return err, as if the server were unavailable.
// Fail(nil) ends that.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	m.wake()
}

// wake lets waiting consumers look again; the caller holds the lock.
func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// begin locks the queue for a call, or returns why it fails.
func (m *Memory) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory queue: %w", err)
	}
	m.mu.Lock()
	err := m.err
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

// push queues a message of events that were first queued at origin; zero means
// now. The caller holds the lock.
func (m *Memory) push(events []event.Event, origin time.Time) error {
	n := &item{bytes: sizeOf(events), origin: origin}
	if _, err := io.ReadFull(m.options.Random, n.ID[:]); err != nil {
		return err
	}
	m.last++
	n.Ref, n.QueuedAt, n.Events = strconv.FormatInt(m.last, 10), m.options.Now(), events
	if origin.IsZero() {
		n.origin = n.QueuedAt
	}
	m.items = append(m.items, n)
	m.size.Events += int64(len(events))
	m.size.Bytes += n.bytes
	m.wake()
	return nil
}

// remove removes and returns the first message that matches, or returns nil; the
// caller holds the lock.
func (m *Memory) remove(matches func(*item) bool) *item {
	at := slices.IndexFunc(m.items, matches)
	if at < 0 {
		return nil
	}
	removed := m.items[at]
	m.items = slices.Delete(m.items, at, at+1)
	m.size.Events -= int64(len(removed.Events))
	m.size.Bytes -= removed.bytes
	return removed
}

// Ping returns the error of Fail.
func (m *Memory) Ping(ctx context.Context) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	m.mu.Unlock()
	return nil
}

// Size returns how much is queued.
func (m *Memory) Size(ctx context.Context) (queue.Size, error) {
	if err := m.begin(ctx); err != nil {
		return queue.Size{}, err
	}
	defer m.mu.Unlock()
	return m.size, nil
}

// Purge deletes all queued events.
func (m *Memory) Purge(ctx context.Context) (int64, error) {
	if err := m.begin(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	purged := m.size.Events
	m.items, m.size.Events, m.size.Bytes = nil, 0, 0
	return purged, nil
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

// DeadLetters returns them in the order in which they failed.
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

// Retry queues dead letters again.
func (m *Memory) Retry(ctx context.Context, ids []string) (int64, error) {
	return m.takeDead(ctx, ids, func(letter queue.DeadLetter) error {
		return m.push([]event.Event{letter.Event}, letter.QueuedAt)
	})
}

// Drop removes dead letters.
func (m *Memory) Drop(ctx context.Context, ids []string) (int64, error) {
	return m.takeDead(ctx, ids, func(queue.DeadLetter) error { return nil })
}

// takeDead removes dead letters and calls f with each of them.
func (m *Memory) takeDead(ctx context.Context, ids []string, f func(queue.DeadLetter) error) (int64, error) {
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
		if err := f(m.dead[at]); err != nil {
			return count, err
		}
		m.dead = slices.Delete(m.dead, at, at+1)
		m.size.DeadLetters--
		count++
	}
	return count, nil
}

// Close closes the queue and ends calls that wait for messages.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.wake()
	return nil
}
