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

// journal is the part of a store that a feed reads: events in the order of their
// commits, one each.
type journal struct {
	store.EventReader // whatever else is called panics

	mu      sync.Mutex
	records []store.Record
	fail    error
	reads   int
	given   int // records that Newer has returned
}

// add stores so many events; every third is of another topic.
func (j *journal) add(count int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range count {
		n := len(j.records) + 1
		topic := "many"
		if n%3 == 0 {
			topic = "few"
		}
		j.records = append(j.records, store.Record{
			Event:     event.Event{Topic: topic, ID: fmt.Sprint(n), Source: fmt.Sprint("source ", n%2), Payload: "{}"},
			CreatedAt: time.Unix(int64(n), 0), Position: store.Position{Commit: uint64(n), Seq: 1, Fingerprint: uint32(n)},
		})
	}
}

func (j *journal) setFail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = err
}

func (j *journal) StableHead(context.Context) (store.Position, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end(), j.fail
}

// end is the position behind all events. The caller holds the lock.
func (j *journal) end() store.Position {
	return store.Position{Commit: uint64(len(j.records)) + 1, Fingerprint: uint32(len(j.records))}
}

// check refuses a position whose mark is not the number of events up to it.
func (j *journal) check(p store.Position) error {
	events := p.Commit
	if p.Seq == 0 && events > 0 {
		events--
	}
	return p.Check(uint32(events))
}

func (j *journal) Newer(_ context.Context, filter store.Filter, after store.Position, limit int) ([]store.Record, store.Position, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reads++
	settled := j.end()
	switch {
	case j.fail != nil:
		return nil, after, j.fail
	case after.Compare(settled) > 0:
		return nil, after, store.ErrForeignPosition
	case j.check(after) != nil:
		return nil, after, j.check(after)
	}
	var found []store.Record
	for _, r := range j.records[min(len(j.records), max(0, int(after.Commit)-1)):] {
		if r.Position.Compare(after) <= 0 || !matches(filter, r.Topic, r.Source, r.CreatedAt) {
			continue
		}
		if len(found) == limit {
			j.given += limit
			return found, found[limit-1].Position, nil
		}
		found = append(found, r)
	}
	j.given += len(found)
	return found, settled, nil
}

func (j *journal) Older(_ context.Context, filter store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []store.Record
	for _, r := range slices.Backward(j.records) {
		if r.Position.Compare(before) >= 0 || !matches(filter, r.Topic, r.Source, r.CreatedAt) {
			continue
		}
		if len(found) == min(limit, 2) { // pages are short, as with large events
			return found, true, j.fail
		}
		found = append(found, r)
	}
	return found, false, j.fail
}

// encodeID gives followers an event's number alone.
func encodeID(dst []byte, r store.Record) []byte { return append(append(dst, r.ID...), ' ') }

func newFeed(j *journal, change ...func(*Options)) *Hub {
	options := Options{Encode: encodeID, Poll: time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&options)
	}
	return New(j, options)
}

// join follows until the test ends.
func join(t *testing.T, f *Hub, filter store.Filter, after store.Position) *Follower {
	t.Helper()
	follower, err := f.Join(t.Context(), filter, after)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(follower.Leave)
	return follower
}

// read takes so many events from a follower.
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

// numbers are the events of a range of which keep says so.
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
