package storetest_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A new store runs the suite with a harness like this one.
func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		Open: func(*testing.T) store.Store { return &memory{data: newDatabase()} },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			t.Helper()
			return &memory{data: dataOf(t, s)}
		},
		Copy: func(t *testing.T, s store.Store) store.Store {
			t.Helper()
			return &memory{data: dataOf(t, s).clone()}
		},
		Outage: func(t *testing.T, s store.Store) (down, up func()) {
			t.Helper()
			d := dataOf(t, s)
			return func() { d.setDown(true) }, func() { d.setDown(false) }
		},
		Age: func(t *testing.T, s store.Store) (store.Retainer, time.Time) {
			t.Helper()
			now := time.Now().Add(time.Microsecond).Truncate(time.Microsecond)
			for time.Now().Before(now) { // the clock of the store has whole microseconds
			}
			return s, now
		},
		Rejected: func(*testing.T, store.Store) event.Event {
			return event.Event{Topic: rejectedTopic, ID: "1", Timestamp: time.Unix(0, 0).UTC(), Source: "test", Payload: "{}"}
		},
	})
}

func dataOf(t *testing.T, s store.Store) *database {
	t.Helper()
	m, ok := s.(*memory)
	if !ok {
		t.Fatalf("%T is not a memory store", s)
	}
	return m.data
}

// The memory store below passes the suite of package storetest; see
// TestConformance in this file.
func Example() {
	s := &memory{data: newDatabase()}
	e := event.Event{Topic: "login", ID: "1", Timestamp: time.Unix(0, 0).UTC(), Source: "web-1", Payload: "{}"}
	outcomes, err := s.Append(context.Background(), []event.Event{e, e})
	fmt.Println(outcomes[0], outcomes[1], err)
	stats, err := s.Stats(context.Background())
	fmt.Println(stats.Received, stats.Stored, stats.Duplicates, err)
	// Output:
	// stored duplicate <nil>
	// 2 1 1 <nil>
}

// database is the data of a memory store. It outlives the store, as a file does.
type database struct {
	mu         sync.Mutex
	down       bool
	records    []store.Record
	byKey      map[event.Key]int // index in records
	topics     map[string]*store.TopicStats
	deliveries map[store.DeliveryID]time.Time
	reports    map[event.Key]*store.DuplicateReport
	dropped    int // number of records, from the first one, whose data was dropped
}

func newDatabase() *database {
	return &database{
		byKey: map[event.Key]int{}, topics: map[string]*store.TopicStats{}, deliveries: map[store.DeliveryID]time.Time{},
		reports: map[event.Key]*store.DuplicateReport{},
	}
}

func (d *database) clone() *database {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newDatabase()
	c.records, c.byKey, c.deliveries, c.dropped = slices.Clone(d.records), maps.Clone(d.byKey), maps.Clone(d.deliveries), d.dropped
	for name, topic := range d.topics {
		c.topics[name] = new(*topic)
	}
	return c
}

func (d *database) setDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// rejectedTopic is the topic of the events that the database rejects.
const rejectedTopic = "rejected"

// append stores events, or none of them if one is rejected.
func (d *database) append(events []event.Event) ([]event.Outcome, error) {
	if slices.ContainsFunc(events, func(e event.Event) bool { return e.Topic == rejectedTopic }) {
		return nil, store.ErrRejected
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		topic := d.topics[e.Topic]
		if topic == nil {
			topic = &store.TopicStats{Topic: e.Topic, FirstSeen: now}
			d.topics[e.Topic] = topic
		}
		topic.LastSeen = now
		if at, known := d.byKey[e.Key()]; known {
			outcomes[i] = event.Duplicate
			topic.Duplicates++
			if !digest.Same(&e, &d.records[at].Event) {
				outcomes[i] = event.Conflict
				topic.Conflicts++
			}
			d.report(&d.records[at].Event, &e, outcomes[i] == event.Conflict, now)
			continue
		}
		outcomes[i] = event.Stored
		topic.Stored++
		e.TimeAssigned = false // it is not kept
		d.byKey[e.Key()] = len(d.records)
		d.records = append(d.records, store.Record{Event: e, CreatedAt: now, Position: store.Position{
			Commit: uint64(len(d.records)) + 1, Seq: 1, Fingerprint: store.FingerprintOf(now),
		}})
	}
	return outcomes, nil
}

// head is the position after all events.
func (d *database) head() store.Position {
	p := store.Position{Commit: uint64(len(d.records)) + 1}
	if len(d.records) > 0 {
		p.Fingerprint = d.records[len(d.records)-1].Position.Fingerprint
	}
	return p
}

// count returns the number of events up to a position, or ErrForeignPosition.
func (d *database) count(p store.Position) (int, error) {
	if p.Compare(d.head()) > 0 {
		return 0, store.ErrForeignPosition
	}
	count := int(p.Commit)
	if p.Seq == 0 {
		count = max(0, count-1)
	}
	var fingerprint uint32
	if count > 0 {
		fingerprint = d.records[count-1].Position.Fingerprint
	}
	return count, p.Check(fingerprint)
}

// memory is a store in memory: one instance at work on a database.
type memory struct {
	data   *database
	closed bool // under data.mu
}

// do runs f, which holds the lock of the database, unless the store is not
// usable.
func (m *memory) do(ctx context.Context, f func(d *database) error) error {
	m.data.mu.Lock()
	defer m.data.mu.Unlock()
	switch {
	case m.closed:
		return store.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case m.data.down:
		return store.ErrUnavailable
	}
	return f(m.data)
}

func (m *memory) Append(ctx context.Context, events []event.Event) (outcomes []event.Outcome, err error) {
	err = m.do(ctx, func(d *database) error {
		outcomes, err = d.append(events)
		return err
	})
	return outcomes, err
}

func (m *memory) Receive(ctx context.Context, deliveries []store.Delivery) (sum store.Received, err error) {
	err = m.do(ctx, func(d *database) error {
		fresh, queued := []event.Event(nil), map[store.DeliveryID]time.Time{}
		var received store.Received
		for _, delivery := range deliveries {
			_, known := d.deliveries[delivery.ID]
			_, repeated := queued[delivery.ID]
			if known || repeated {
				received.Redelivered += int64(len(delivery.Events))
				continue
			}
			queued[delivery.ID] = delivery.QueuedAt
			fresh = append(fresh, delivery.Events...)
		}
		outcomes, err := d.append(fresh)
		if err != nil {
			return err
		}
		maps.Copy(d.deliveries, queued)
		for _, outcome := range outcomes {
			if outcome == event.Stored {
				received.Stored++
			} else {
				received.Duplicates++
			}
		}
		sum = received
		return nil
	})
	return sum, err
}

func (m *memory) Known(ctx context.Context, ids []store.DeliveryID) (known []bool, err error) {
	err = m.do(ctx, func(d *database) error {
		for _, id := range ids {
			_, ok := d.deliveries[id]
			known = append(known, ok)
		}
		return nil
	})
	return known, err
}

func (m *memory) Forget(ctx context.Context, queuedBefore time.Time) (count int64, err error) {
	err = m.do(ctx, func(d *database) error {
		before := len(d.deliveries)
		maps.DeleteFunc(d.deliveries, func(_ store.DeliveryID, at time.Time) bool { return at.Before(queuedBefore) })
		count = int64(before - len(d.deliveries))
		return nil
	})
	return count, err
}

func (m *memory) Stats(ctx context.Context) (sum store.Stats, err error) {
	err = m.do(ctx, func(d *database) error {
		for _, topic := range d.topics {
			sum.Stored += topic.Stored
			sum.Duplicates += topic.Duplicates
			sum.Conflicts += topic.Conflicts
		}
		sum.Received, sum.Topics = sum.Stored+sum.Duplicates, int64(len(d.topics))
		sum.Kept = int64(len(d.records) - d.dropped)
		return nil
	})
	return sum, err
}

func (m *memory) KnownTopics(ctx context.Context, topics []string) ([]bool, error) {
	known := make([]bool, len(topics))
	err := m.do(ctx, func(d *database) error {
		for i, topic := range topics {
			_, known[i] = d.topics[topic]
		}
		return nil
	})
	return known, err
}

func (m *memory) TopicStats(ctx context.Context, query store.TopicQuery) (rows []store.TopicStats, err error) {
	err = m.do(ctx, func(d *database) error {
		for _, topic := range d.topics {
			rows = append(rows, *topic)
		}
		return nil
	})
	order := func(a, b store.TopicStats) int {
		return cmp.Or(cmp.Compare(b.Stored+b.Duplicates, a.Stored+a.Duplicates), strings.Compare(a.Topic, b.Topic))
	}
	slices.SortFunc(rows, order)
	rows = slices.DeleteFunc(rows, func(row store.TopicStats) bool {
		return query.Topic != "" && row.Topic != query.Topic || query.After.Topic != "" && order(row, query.After) <= 0
	})
	if query.Limit > 0 && len(rows) > query.Limit {
		rows = rows[:query.Limit]
	}
	return rows, err
}

func (m *memory) Event(ctx context.Context, key event.Key) (record store.Record, err error) {
	err = m.do(ctx, func(d *database) error {
		i, ok := d.byKey[key]
		if !ok {
			return store.ErrNotFound
		}
		if i < d.dropped {
			return store.ErrDropped
		}
		record = d.records[i]
		return nil
	})
	return record, err
}

func (m *memory) Older(ctx context.Context, f store.Filter, before store.Position, limit int) (page []store.Record, more bool, err error) {
	err = m.do(ctx, func(d *database) error {
		if before.IsZero() {
			before = d.head()
		}
		end, err := d.count(before)
		if err != nil {
			return err
		}
		if before.Seq > 0 {
			end-- // the event at the position itself is not older
		}
		size := 0
		for _, r := range slices.Backward(d.records[min(d.dropped, max(0, end)):max(0, end)]) {
			if !matches(f, r) {
				continue
			}
			if more = len(page) == limit || size >= store.PageBytes; more {
				return nil
			}
			page, size = append(page, r), size+r.Size()
		}
		return nil
	})
	return page, more, err
}

func (m *memory) Newer(ctx context.Context, f store.Filter, after store.Position, limit int) (page []store.Record, next store.Position, err error) {
	next = after
	err = m.do(ctx, func(d *database) error {
		start, err := d.count(after)
		if err != nil {
			return err
		}
		if !after.IsZero() && start < d.dropped {
			return &store.DroppedError{After: after, Next: d.records[d.dropped-1].Position}
		}
		start = max(start, d.dropped)
		size := 0
		for _, r := range d.records[start:] {
			if !matches(f, r) {
				continue
			}
			if len(page) == limit || size >= store.PageBytes {
				next = page[len(page)-1].Position
				return nil
			}
			page, size = append(page, r), size+r.Size()
		}
		next = d.head()
		return nil
	})
	return page, next, err
}

func (m *memory) StableHead(ctx context.Context) (head store.Position, err error) {
	err = m.do(ctx, func(d *database) error { head = d.head(); return nil })
	return head, err
}

func (m *memory) Ping(ctx context.Context) error {
	return m.do(ctx, func(*database) error { return nil })
}

func (m *memory) Close() error {
	m.data.mu.Lock()
	defer m.data.mu.Unlock()
	m.closed = true
	return nil
}

func matches(f store.Filter, r store.Record) bool {
	return (f.Topic == "" || f.Topic == r.Topic) && (f.Source == "" || f.Source == r.Source) && (f.ID == "" || f.ID == r.ID) &&
		(f.Since.IsZero() || !r.CreatedAt.Before(f.Since)) && (f.Until.IsZero() || r.CreatedAt.Before(f.Until))
}
