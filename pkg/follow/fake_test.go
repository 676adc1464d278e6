package follow

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore is the part of a store that a hub reads: one event per commit, in the
// order of the commits.
type fakeStore struct {
	store.EventReader // any other method panics

	mu       sync.Mutex
	records  []store.Record
	fail     error
	reads    int
	returned int // records that Newer has returned
}

// add stores count events. Every third one has another topic.
func (s *fakeStore) add(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range count {
		n := len(s.records) + 1
		topic := "many"
		if n%3 == 0 {
			topic = "few"
		}
		s.records = append(s.records, store.Record{
			Event:     event.Event{Topic: topic, ID: fmt.Sprint(n), Source: fmt.Sprint("source ", n%2), Payload: "{}"},
			CreatedAt: time.Unix(int64(n), 0), Position: store.Position{Commit: uint64(n), Seq: 1, Fingerprint: uint32(n)},
		})
	}
}

func (s *fakeStore) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *fakeStore) StableHead(context.Context) (store.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(), s.fail
}

// end returns the position after all events. The caller holds the lock.
func (s *fakeStore) end() store.Position {
	return store.Position{Commit: uint64(len(s.records)) + 1, Fingerprint: uint32(len(s.records))}
}

// check rejects a position whose fingerprint is not the number of events up to it.
func (s *fakeStore) check(p store.Position) error {
	events := p.Commit
	if p.Seq == 0 && events > 0 {
		events--
	}
	return p.Check(uint32(events))
}

func (s *fakeStore) Newer(_ context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	head := s.end()
	switch {
	case s.fail != nil:
		return nil, after, s.fail
	case after.Compare(head) > 0:
		return nil, after, store.ErrForeignPosition
	case s.check(after) != nil:
		return nil, after, s.check(after)
	}
	var found []store.Record
	for _, r := range s.records[min(len(s.records), max(0, int(after.Commit)-1)):] {
		if r.Position.Compare(after) <= 0 || !matches(filter, r.Topic, r.Source, r.CreatedAt) {
			continue
		}
		if len(found) == limit {
			s.returned += limit
			return found, found[limit-1].Position, nil
		}
		found = append(found, r)
	}
	s.returned += len(found)
	return found, head, nil
}

func (s *fakeStore) Older(_ context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []store.Record
	for _, r := range slices.Backward(s.records) {
		if r.Position.Compare(before) >= 0 || !matches(filter, r.Topic, r.Source, r.CreatedAt) {
			continue
		}
		if len(found) == min(limit, 2) { // pages are short, as with large events
			return found, true, s.fail
		}
		found = append(found, r)
	}
	return found, false, s.fail
}

// encodeID encodes an event as its number.
func encodeID(dst []byte, r store.Record) []byte { return append(append(dst, r.ID...), ' ') }

func newHub(s *fakeStore, change ...func(*Options)) *Hub {
	options := Options{Encode: encodeID, Poll: time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&options)
	}
	return New(s, options)
}

// join adds a follower that leaves when the test ends.
func join(t *testing.T, h *Hub, filter store.Filter, after store.Position) *Follower {
	t.Helper()
	follower, err := h.Join(t.Context(), filter, after, nil)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(follower.Leave)
	return follower
}

// read reads count events from a follower.
func read(ctx context.Context, follower *Follower, count int) ([]string, error) {
	var seen []string
	for len(seen) < count {
		text, err := follower.Next(ctx, time.Minute)
		if err != nil {
			return seen, err
		}
		seen = append(seen, strings.Fields(string(text))...)
	}
	return seen, nil
}

// numbers returns the events from first to last that keep selects.
func numbers(first, last int, keep func(int) bool) []string {
	var all []string
	for n := first; n <= last; n++ {
		if keep(n) {
			all = append(all, fmt.Sprint(n))
		}
	}
	return all
}

func every(int) bool   { return true }
func third(n int) bool { return n%3 == 0 }
