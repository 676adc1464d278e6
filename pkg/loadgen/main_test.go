package loadgen

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memoryStore is a correct store in memory, with hooks that break it.
type memoryStore struct {
	mu      sync.Mutex
	records map[event.Key]store.Record
	appends int
	now     time.Time
	// before may refuse an append by its number, from 1.
	before func(ctx context.Context, number int) error
	// after may change the outcomes of an append.
	after func(number int, events []event.Event, outcomes []event.Outcome) ([]event.Outcome, error)
}

func newMemoryStore() *memoryStore {
	return &memoryStore{records: map[event.Key]store.Record{}, now: time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)}
}

func (s *memoryStore) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	s.mu.Lock()
	s.appends++
	number := s.appends
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, number); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		outcomes[i] = event.Duplicate
		if _, ok := s.records[e.Key()]; !ok {
			outcomes[i] = event.Stored
			s.now = s.now.Add(time.Microsecond)
			s.records[e.Key()] = store.Record{Event: e, CreatedAt: s.now}
		}
	}
	if s.after != nil {
		return s.after(number, events, outcomes)
	}
	return outcomes, nil
}

func (s *memoryStore) Event(_ context.Context, key event.Key) (store.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record, ok := s.records[key]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return record, nil
}

// newest returns the time of the newest event.
func (s *memoryStore) newest() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// change rewrites one stored event.
func (s *memoryStore) change(key event.Key, edit func(*store.Record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record := s.records[key]
	edit(&record)
	s.records[key] = record
}

func mustGenerator(t testing.TB, o GeneratorOptions) *Generator {
	t.Helper()
	g, err := NewGenerator(o)
	if err != nil {
		t.Fatalf("NewGenerator(%+v): %v", o, err)
	}
	return g
}
