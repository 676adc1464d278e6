package ingest

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
)

// TestQueue_Limits checks which requests are accepted.
func TestQueue_Limits(t *testing.T) {
	t.Parallel()
	size := events(1, "x")[0].Size()
	tests := []struct {
		name      string
		maxEvents int
		maxBytes  int
		arrive    []int // events of each request
		want      []bool
	}{
		{"requests that fit are accepted", 10, 10 * size, []int{4, 6}, []bool{true, true}},
		{"one event too many is refused", 10, 100 * size, []int{4, 7}, []bool{true, false}},
		{"one byte too many is refused", 100, 10*size - 1, []int{4, 6}, []bool{true, false}},
		{"a smaller one still fits after a refusal", 10, 100 * size, []int{4, 7, 6}, []bool{true, false, true}},
		{"a request larger than the limit is accepted if it is alone", 10, size, []int{50}, []bool{true}},
		{"and all others are refused then", 10, size, []int{50, 1}, []bool{true, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := queue{maxEvents: test.maxEvents, maxBytes: test.maxBytes}
			for i, n := range test.arrive {
				if got := q.push(newRequest(events(n, "x")), time.Time{}); got != test.want[i] {
					t.Errorf("request %d of %d events: accepted %t, want %t", i, n, got, test.want[i])
				}
			}
		})
	}
}

// TestQueue_Properties drives a queue with any mix of arrivals, withdrawals, batches
// and results, and checks its invariants.
func TestQueue_Properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := queue{
			maxEvents: rapid.IntRange(1, 200).Draw(t, "maxEvents"),
			maxBytes:  rapid.IntRange(1, 20_000).Draw(t, "maxBytes"),
			maxWait:   200 * time.Millisecond,
		}
		maxBatch := rapid.IntRange(1, 20).Draw(t, "maxBatch")
		var (
			now      = time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
			inQueue  []*request // in the order of arrival
			inFlight []*batch
			// afterLarge is set if the last batch had a large request.
			afterLarge bool
		)
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				r := newRequest(events(rapid.IntRange(1, 15).Draw(t, "events"), "id"))
				if q.push(r, now) {
					inQueue = append(inQueue, r)
				}
			},
			"withdraw": func(t *rapid.T) {
				if len(inQueue) == 0 {
					t.Skip("nothing waits")
				}
				i := rapid.IntRange(0, len(inQueue)-1).Draw(t, "which")
				q.withdraw(inQueue[i])
				inQueue = slices.Delete(inQueue, i, i+1)
			},
			"take": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "ms")) * time.Millisecond)
				if !q.due(now) {
					t.Skip("nothing is due")
				}
				b := new(batch)
				q.take(b, maxBatch, now)
				late := func(r *request) bool { return now.Sub(r.since) > q.maxWait }
				if slices.ContainsFunc(b.requests, late) || !slices.Equal(b.late, slices.Collect(filter(b.late, late))) {
					t.Fatal("late requests are not those that waited too long")
				}
				got := append(slices.Clone(b.late), b.requests...)
				if len(got) == 0 {
					t.Fatal("a batch was due and is empty")
				}
				small := func(r *request) bool { return r.count <= max(1, maxBatch/smallParts) }
				if afterLarge {
					// Small requests may have overtaken large ones; each kind keeps its order.
					checkFront(t, slices.Collect(filter(got, small)), slices.Collect(filter(inQueue, small)))
					large := func(r *request) bool { return !small(r) }
					checkFront(t, slices.Collect(filter(got, large)), slices.Collect(filter(inQueue, large)))
				} else {
					checkFront(t, got, inQueue)
				}
				afterLarge = slices.ContainsFunc(b.requests, func(r *request) bool { return !small(r) })
				if len(b.requests) > 1 && len(b.events) > maxBatch {
					t.Fatalf("%d requests were gathered to %d events, over %d", len(b.requests), len(b.events), maxBatch)
				}
				inQueue = slices.DeleteFunc(inQueue, func(r *request) bool { return slices.Contains(got, r) })
				inFlight = append(inFlight, b)
			},
			"finish": func(t *rapid.T) {
				if len(inFlight) == 0 {
					t.Skip("no batch is in flight")
				}
				b := inFlight[0]
				inFlight = inFlight[1:]
				q.release(b)
				b.finish(make([]event.Outcome, len(b.events)), nil)
				for _, r := range b.requests {
					<-r.done
					if len(r.outcomes) != r.count {
						t.Fatalf("a request of %d events got %d outcomes", r.count, len(r.outcomes))
					}
				}
			},
			"": func(t *rapid.T) {
				n, bytes := 0, 0
				for _, r := range inQueue {
					n, bytes = n+r.count, bytes+r.bytes
				}
				for _, b := range inFlight {
					n, bytes = n+len(b.events), bytes+b.bytes
				}
				if len(q.waiting) > 2*len(inQueue)+1 {
					t.Fatalf("the queue keeps %d requests, and %d wait", len(q.waiting), len(inQueue))
				}
				ready := 0
				for _, r := range inQueue {
					ready += r.count
				}
				stuck := len(inFlight) > 0 && now.Sub(inFlight[0].began) >= stuckAfter
				if due := ready >= secondWriterThreshold || ready > 0 && (len(inFlight) == 0 || stuck); q.due(now) != due {
					t.Fatalf("%d events wait beside %d batches (stuck: %t): due is %t", ready, len(inFlight), stuck, q.due(now))
				}
				if q.events != n || q.bytes != bytes {
					t.Fatalf("the queue counts %d events and %d bytes, there are %d and %d", q.events, q.bytes, n, bytes)
				}
			},
		})
	})
}

// checkFront fails unless got is the front of the queue in order.
func checkFront(t *rapid.T, got, queued []*request) {
	t.Helper()
	if len(got) > len(queued) || !slices.Equal(got, queued[:len(got)]) {
		t.Fatal("the batch is not the front of the queue in order")
	}
}

// TestQueue_SmallRequestsOvertakeLargeOnes has arrays of 5000 events in front of single
// events.
func TestQueue_SmallRequestsOvertakeLargeOnes(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	q := queue{maxEvents: 100_000, maxBytes: 1 << 30, maxWait: time.Minute}
	push := func(counts ...int) {
		for _, n := range counts {
			if !q.push(newRequest(events(n, "x")), now) {
				t.Fatal("the queue is full")
			}
		}
	}
	push(5000, 5000, 1, 5000, 2, 3)
	for i, want := range [][]int{{5000}, {1, 2, 3}, {5000}, {5000}, nil} {
		var got []int
		if q.ready > 0 {
			var b batch
			q.take(&b, 1000, now)
			for _, r := range b.requests {
				got = append(got, r.count)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("batch %d has the requests %d, want %d", i, got, want)
		}
	}
}

// TestBatch_ResetKeepsNoReference checks that a finished batch does not keep its
// events alive, because it lives as long as its writer.
func TestBatch_ResetKeepsNoReference(t *testing.T) {
	t.Parallel()
	var b batch
	b.add(newRequest(events(3, "x")))
	b.reset()
	for _, e := range b.events[:3] {
		if e != (event.Event{}) {
			t.Fatalf("the batch still holds %v", e)
		}
	}
	if b.requests[:1][0] != nil || b.bytes != 0 {
		t.Fatal("the batch still holds a request or its size")
	}
}

func filter(requests []*request, keep func(*request) bool) iter.Seq[*request] {
	return func(yield func(*request) bool) {
		for _, r := range requests {
			if keep(r) && !yield(r) {
				return
			}
		}
	}
}

func newRequest(events []event.Event) *request {
	r := &request{done: make(chan struct{}, 1)}
	r.reset(events)
	return r
}

func events(n int, id string) []event.Event {
	list := make([]event.Event, n)
	for i := range list {
		list[i] = event.Event{Topic: "t", ID: fmt.Sprint(id, i), Source: "s", Payload: "{}"}
	}
	return list
}
