package duplicates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a target that keeps every batch.
type fake struct {
	mu      sync.Mutex
	batches [][]store.DuplicateReport
	pruned  int
	err     error
}

func (f *fake) WriteReports(_ context.Context, reports []store.DuplicateReport) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.batches = append(f.batches, slices.Clone(reports))
	}
	return f.err
}

func (f *fake) PruneReports(context.Context, int, int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pruned++
	return f.err
}

// written waits for running writes and returns all reports.
func (f *fake) written() []store.DuplicateReport {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Concat(f.batches...)
}

func anEvent(topic, id, source string) event.Event {
	return event.Event{Topic: topic, ID: id, Source: source, Payload: "{}"}
}

// flood records one duplicate of each of count keys.
func flood(r *Recorder, topic string, count int) {
	for i := range count {
		r.Record([]event.Event{anEvent(topic, fmt.Sprint(i), "s")}, []event.Outcome{event.Duplicate}, nil)
	}
}

func TestRecorder_MergesByKeyAndWritesAfterASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &fake{}
		r := New(target, Options{})
		events := []event.Event{anEvent("t", "1", "a"), anEvent("t", "2", "a"), anEvent("t", "1", "b"), anEvent("u", "1", "a"), anEvent("t", "1", "a")}
		began := time.Now()
		r.Record(events, []event.Outcome{event.Duplicate, event.Stored, event.Conflict, event.Queued, event.Duplicate}, map[int][]string{2: {"source"}})
		time.Sleep(100 * time.Millisecond)
		r.Record(events[:1], []event.Outcome{event.Duplicate}, nil)
		if len(target.written()) > 0 {
			t.Error("the recorder has written at once")
		}
		time.Sleep(interval)
		want := store.DuplicateReport{
			Key: events[0].Key(), Repeats: 4, Conflicts: 1, FirstSeen: began, LastSeen: began.Add(100 * time.Millisecond),
			Sources: []string{"a", "b"}, Differing: []string{"source"},
		}
		if got := target.written(); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) || target.pruned != 1 {
			t.Errorf("written %+v, pruned %d times, want %+v once", got, target.pruned, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestRecorder_HasLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &fake{}
		r := New(target, Options{})
		flood(r, "t", maxKeys+10)
		if r.Dropped() != 10 {
			t.Errorf("%d dropped, want 10", r.Dropped())
		}
		flood(r, "t", 5) // these keys are gathered already
		if r.Dropped() != 10 {
			t.Errorf("%d dropped after repeats of gathered keys, want 10", r.Dropped())
		}
		time.Sleep(interval + interval/2)
		if got := len(target.written()); got != maxBurst {
			t.Errorf("%d reports in the first second, want %d", got, maxBurst)
		}
		for range (maxKeys - maxBurst) / maxWritesPerSecond {
			time.Sleep(interval)
		}
		if got := len(target.written()); got != maxKeys {
			t.Errorf("%d reports in 20 seconds, want %d", got, maxKeys)
		}
		for _, batch := range target.batches {
			if len(batch) > maxBatch || !slices.IsSortedFunc(batch, func(a, b store.DuplicateReport) int { return a.Compare(b.Key) }) {
				t.Errorf("a batch of %d is too large or not sorted by key", len(batch))
			}
		}
		if target.pruned < maxKeys/pruneWrites {
			t.Errorf("pruned %d times", target.pruned)
		}
		long := anEvent("t", "long", string(make([]byte, maxBytes)))
		r.Record([]event.Event{long, anEvent("t", "next", "s")}, []event.Outcome{event.Duplicate, event.Duplicate}, nil)
		if r.Dropped() != 11 {
			t.Errorf("%d dropped with full memory, want 11", r.Dropped())
		}
		_ = r.Close()
	})
}

func TestRecorder_KeepsReportsThatWereNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &fake{err: errors.New("down")}
		r := New(target, Options{})
		flood(r, "t", 3)
		if err := r.Flush(t.Context()); !errors.Is(err, target.err) {
			t.Errorf("the error is %v", err)
		}
		flood(r, "t", 2)
		target.err = nil
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		repeats := int64(0)
		for _, report := range target.written() {
			repeats += report.Repeats
		}
		if len(target.written()) != 3 || repeats != 5 {
			t.Errorf("written after the outage: %+v", target.written())
		}
		flood(r, "t", 1)
		if err := r.Close(); err != nil || len(target.written()) != 3 {
			t.Errorf("a second Close: %v, %d reports", err, len(target.written()))
		}
	})
}

func TestRecorder_LeavesOutIgnoredTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &fake{}
		r := New(target, Options{Ignored: func(topic string) bool { return topic == "noise" }})
		events := []event.Event{anEvent("noise", "1", "s"), anEvent("t", "1", "s"), anEvent("noise", "2", "s")}
		r.Record(events, slices.Repeat([]event.Outcome{event.Duplicate}, 3), nil)
		_ = r.Close()
		if got := target.written(); len(got) != 1 || got[0].Topic != "t" || r.Dropped() != 0 {
			t.Errorf("written %+v, dropped %d", got, r.Dropped())
		}
	})
}

// BenchmarkRecord is what an array of 1,000 duplicates pays, with the same keys again and
// again, and with the memory for keys full.
func BenchmarkRecord(b *testing.B) {
	events, outcomes := make([]event.Event, 1000), slices.Repeat([]event.Outcome{event.Duplicate}, 1000)
	for i := range events {
		events[i] = anEvent("user_login", fmt.Sprintf("9c4d3a52-7d0e-4f63-8f39-%012d", i), "web-1")
	}
	for name, before := range map[string]int{"known keys": 0, "full": maxKeys} {
		b.Run(name, func(b *testing.B) {
			r := New(&fake{err: errors.New("down")}, Options{})
			flood(r, "t", before)
			b.ReportAllocs()
			for b.Loop() {
				r.Record(events, outcomes, nil)
			}
			_ = r.Close()
		})
	}
}
