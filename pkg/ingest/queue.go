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
	place    place
	since    time.Time // when it came into the queue
	span     trace.SpanContext
	outcomes []event.Outcome
	err      error
	done     chan struct{} // holds one token, so that answering never blocks
}

// place says who owns a request.
type place uint8

const (
	waiting   place = iota // in the queue; the events are still the caller's
	taken                  // copied into a writer's batch
	withdrawn              // its caller went away while it was waiting
)

func (r *request) reset(events []event.Event) {
	bytes := 0
	for i := range events {
		bytes += events[i].Size()
	}
	*r = request{events: events, count: len(events), bytes: bytes, done: r.done}
}

// queue holds requests in the order they came and keeps count of all that is
// accepted and not yet answered, the batches under way included. It is a plain
// value under its owner's lock.
type queue struct {
	waiting   []*request
	withdrawn int      // requests in waiting whose caller went away
	ready     int      // events of the other requests in waiting
	underWay  []*batch // taken and not released, the oldest first
	events    int
	bytes     int
	maxEvents int
	maxBytes  int
	maxWait   time.Duration
}

// push takes a request in, or reports false where that would pass a bound. A
// request larger than a bound is let in when nothing else is there: it would
// otherwise never be.
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

// worthOverlap is how many events must wait before a second batch starts beside
// one that is under way. A transaction costs PostgreSQL as much as some twenty
// events whatever it holds, and two at once wait for each other's keys. With
// this, 32 clients store 1.3 times as many events a second as with a second
// batch that starts at once. At 64 events instead, PostgreSQL works a sixth
// longer for an event of 128 to 512 clients. Waiting costs no rate: whoever
// comes meanwhile is in the next batch.
const worthOverlap = 256

// stuckAfter is when a batch no longer counts as under way: it waits for
// something, perhaps a key that a dead instance's transaction holds, and others
// must not wait with it.
const stuckAfter = 100 * time.Millisecond

// due reports whether a writer has something to do now: a batch worth its
// transaction, or whatever waits when no other batch is on its way.
func (q *queue) due(now time.Time) bool {
	if q.ready == 0 || q.ready >= worthOverlap || len(q.underWay) == 0 {
		return q.ready > 0
	}
	return now.Sub(q.underWay[0].began) >= stuckAfter
}

// take moves requests from the front into a batch until it has maxBatch
// events. Requests are never parted, since a caller's events are one
// transaction; the first one always fits. Those that have waited for too long
// are only handed over as late.
func (q *queue) take(b *batch, maxBatch int, now time.Time) {
	b.began = now
	q.underWay = append(q.underWay, b)
	n := 0
gather:
	for _, r := range q.waiting {
		switch {
		case r.place == withdrawn:
			q.withdrawn--
		case now.Sub(r.since) > q.maxWait:
			q.drop(r)
			b.late = append(b.late, r)
		case len(b.events) > 0 && len(b.events)+r.count > maxBatch:
			break gather
		default:
			b.add(r)
			q.ready -= r.count
		}
		n++
	}
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
}

// withdraw gives up a request whose caller went away. One that is taken stays.
func (q *queue) withdraw(r *request) {
	if r.place != waiting {
		return
	}
	q.drop(r)
	q.withdrawn++
	if q.withdrawn > len(q.waiting)/2 { // or a store that hangs would let them pile up
		q.waiting = slices.DeleteFunc(q.waiting, func(r *request) bool { return r.place == withdrawn })
		q.withdrawn = 0
	}
}

// drop gives up a request that no writer has taken.
func (q *queue) drop(r *request) {
	r.place = withdrawn
	r.events = nil
	q.ready -= r.count
	q.events -= r.count
	q.bytes -= r.bytes
}

// release returns a batch that is now answered.
func (q *queue) release(b *batch) {
	q.underWay = slices.DeleteFunc(q.underWay, func(other *batch) bool { return other == b })
	q.events -= len(b.events)
	q.bytes -= b.bytes
}

// batch is what one append to the store carries, and for whom.
type batch struct {
	events   []event.Event
	requests []*request
	late     []*request // waited for too long; their events are not in the batch
	bytes    int
	began    time.Time
}

// add copies the request's events; from here on they are the batch's.
func (b *batch) add(r *request) {
	r.place = taken
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

// answerLate tells the requests that waited for too long.
func (b *batch) answerLate(err error) {
	for _, r := range b.late {
		r.err = err
		r.done <- struct{}{}
	}
}

// answer hands every request its outcomes, or the error all of them share.
func (b *batch) answer(outcomes []event.Outcome, err error) {
	for _, r := range b.requests {
		if err == nil {
			r.outcomes, outcomes = outcomes[:r.count:r.count], outcomes[r.count:]
		}
		r.err = err
		r.done <- struct{}{}
	}
}
