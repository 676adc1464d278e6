package ingest

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/event"
)

// request is one caller's append while it waits.
type request struct {
	events   []event.Event
	count    int
	bytes    int
	state    state
	since    time.Time // when it was pushed
	span     trace.SpanContext
	outcomes []event.Outcome
	err      error
	done     chan struct{} // has room for one token, so that sending never blocks
}

// state is the state of a request. It decides who owns the events.
type state uint8

const (
	waiting   state = iota // in the queue; the caller owns the events
	taken                  // copied into a writer's batch
	withdrawn              // cancelled by its caller while waiting
)

func (r *request) reset(events []event.Event) {
	bytes := 0
	for i := range events {
		bytes += events[i].Size()
	}
	*r = request{events: events, count: len(events), bytes: bytes, done: r.done}
}

// queue contains requests in the order of their arrival, and counts everything that
// is accepted and without a result, the batches in flight included. It is a plain
// value under its owner's lock.
type queue struct {
	waiting   []*request
	withdrawn int      // number of withdrawn requests in waiting
	ready     int      // events of the other requests in waiting
	inFlight  []*batch // taken and not released, oldest first
	events    int
	bytes     int
	maxEvents int
	maxBytes  int
	maxWait   time.Duration
	// smallFirst is set if the next batch leaves out large requests while small ones
	// wait.
	smallFirst bool
}

// push adds a request, or reports false if a limit would be exceeded. A request
// that is larger than a limit is added if nothing else is pending, because
// otherwise it could never be.
func (q *queue) push(r *request, now time.Time) bool {
	if q.events > 0 && (q.events+r.count > q.maxEvents || q.bytes+r.bytes > q.maxBytes) {
		return false
	}
	q.events += r.count
	q.bytes += r.bytes
	q.ready += r.count
	r.since = now
	q.waiting = append(q.waiting, r)
	return true
}

// secondWriterThreshold is how many events must wait before a second batch starts
// while one is in flight. A transaction costs PostgreSQL as much as about twenty
// events, whatever it contains, and two at once wait for each other's keys. With
// the threshold 32 clients store 1.3 times as many events per second as without.
// With 64 instead of 256, PostgreSQL needs a sixth more time per event for 128 to
// 512 clients. Waiting costs no throughput: events that arrive meanwhile are in
// the next batch.
const secondWriterThreshold = 256

// stuckAfter is the age at which a batch in flight no longer delays others. It
// waits for something, perhaps for a key that the transaction of a dead instance
// has locked.
const stuckAfter = 100 * time.Millisecond

// due reports whether a writer has work now: enough events for a second batch, or
// any event if no batch is in flight.
func (q *queue) due(now time.Time) bool {
	if q.ready == 0 || q.ready >= secondWriterThreshold || len(q.inFlight) == 0 {
		return q.ready > 0
	}
	return now.Sub(q.inFlight[0].began) >= stuckAfter
}

// smallParts divides the size of a batch; the result is the largest small request.
const smallParts = 8

// take moves requests from the front into a batch until it has maxBatch events. A
// request is never split, because the events of a caller are one transaction. The
// first one always fits. Requests that have waited too long become b.late.
//
// After a batch with a large request, small ones overtake the large ones that wait: a
// few senders of arrays of 5,000 events made all single events of others wait for
// several seconds. Every second batch is in the order of arrival, so large requests
// wait at most twice as long.
func (q *queue) take(b *batch, maxBatch int, now time.Time) {
	b.began = now
	q.inFlight = append(q.inFlight, b)
	maxSmall := max(1, maxBatch/smallParts)
	overtake := q.smallFirst && slices.ContainsFunc(q.waiting, func(r *request) bool { return r.state == waiting && r.count <= maxSmall })
	q.smallFirst = false
	rest := q.waiting[:0]
	for i, r := range q.waiting {
		switch {
		case r.state == withdrawn:
			q.withdrawn--
		case now.Sub(r.since) > q.maxWait:
			q.drop(r)
			b.late = append(b.late, r)
		case overtake && r.count > maxSmall:
			rest = append(rest, r)
		case len(b.events) > 0 && len(b.events)+r.count > maxBatch:
			rest = append(rest, q.waiting[i:]...)
			clear(q.waiting[len(rest):])
			q.waiting = rest
			return
		default:
			q.smallFirst = q.smallFirst || r.count > maxSmall
			b.add(r)
			q.ready -= r.count
		}
	}
	clear(q.waiting[len(rest):])
	q.waiting = rest
}

// withdraw removes a request that its caller has cancelled. A taken one stays.
func (q *queue) withdraw(r *request) {
	if r.state != waiting {
		return
	}
	q.drop(r)
	q.withdrawn++
	if q.withdrawn > len(q.waiting)/2 { // otherwise they accumulate while the store hangs
		q.waiting = slices.DeleteFunc(q.waiting, func(r *request) bool { return r.state == withdrawn })
		q.withdrawn = 0
	}
}

// drop marks a waiting request as withdrawn.
func (q *queue) drop(r *request) {
	r.state = withdrawn
	r.events = nil
	q.ready -= r.count
	q.events -= r.count
	q.bytes -= r.bytes
}

// release removes a batch whose requests get their results now.
func (q *queue) release(b *batch) {
	q.inFlight = slices.DeleteFunc(q.inFlight, func(other *batch) bool { return other == b })
	q.events -= len(b.events)
	q.bytes -= b.bytes
}

// batch is one append to the store, with the requests that it is for.
type batch struct {
	events   []event.Event
	requests []*request
	late     []*request // waited too long; their events are not in the batch
	bytes    int
	began    time.Time
}

// add copies the request's events into the batch.
func (b *batch) add(r *request) {
	r.state = taken
	b.events = append(b.events, r.events...)
	b.requests = append(b.requests, r)
	b.bytes += r.bytes
	r.events = nil
}

// reset empties the batch and drops its references, but keeps the memory.
func (b *batch) reset() {
	clear(b.events)
	clear(b.requests)
	clear(b.late)
	b.events, b.requests, b.late, b.bytes = b.events[:0], b.requests[:0], b.late[:0], 0
}

// failLate sets the result of the requests that waited too long.
func (b *batch) failLate(err error) {
	for _, r := range b.late {
		r.err = err
		r.done <- struct{}{}
	}
}

// finish sets the result of every request: its outcomes, or the common error.
func (b *batch) finish(outcomes []event.Outcome, err error) {
	for _, r := range b.requests {
		if err == nil {
			r.outcomes, outcomes = outcomes[:r.count:r.count], outcomes[r.count:]
		}
		r.err = err
		r.done <- struct{}{}
	}
}
