package publish

import (
	"cmp"
	"slices"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
)

// Limits of the lines that are appended together.
const (
	maxChunkLines = 5000
	maxChunkBytes = 1 << 20
)

// lineChunk is a number of lines that are appended together.
type lineChunk struct {
	events  []event.Event
	numbers []int64 // line number of each event
	bytes   int64
	last    int64 // all lines up to this one are in this chunk or an earlier one
}

func (c *lineChunk) full() bool { return len(c.events) >= maxChunkLines || c.bytes >= maxChunkBytes }

// reset empties the chunk and keeps its memory.
func (c *lineChunk) reset() {
	clear(c.events)
	*c = lineChunk{events: c.events[:0], numbers: c.numbers[:0]}
}

// lineQueue hands lines from the reader to the appender. It holds at most one
// chunk.
type lineQueue struct {
	mu      sync.Mutex
	changed *sync.Cond
	next    lineChunk
	ended   bool  // no more lines will come
	err     error // why appending ended early
}

func newLineQueue() *lineQueue {
	q := &lineQueue{}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// add puts an event into the chunk, and waits while that is full. It returns the
// error of the appender if that has failed.
func (q *lineQueue) add(e event.Event, number, size int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.next.full() && q.err == nil {
		q.changed.Wait()
	}
	if q.err != nil {
		return q.err
	}
	q.next.events = append(q.next.events, e)
	q.next.numbers = append(q.next.numbers, number)
	q.next.bytes += size
	q.next.last = number
	if len(q.next.events) == 1 {
		q.changed.Signal()
	}
	return nil
}

// skip records that a line has no event to append.
func (q *lineQueue) skip(number int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next.last = number
}

// end records that no more lines will come.
func (q *lineQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Signal()
}

// fail records why appending ended.
func (q *lineQueue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
	q.changed.Signal()
}

// take exchanges the empty chunk for the one that has gathered. It waits for
// lines, and returns false if none will come.
func (q *lineQueue) take(chunk *lineChunk) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.next.events) == 0 && !q.ended {
		q.changed.Wait()
	}
	if len(q.next.events) == 0 {
		return false
	}
	*chunk, q.next = q.next, *chunk
	q.changed.Signal()
	return true
}

// lineResult gathers the outcomes of a stream, from reader and appender.
type lineResult struct {
	report func(event.Tally)

	mu        sync.Mutex
	tally     event.Tally
	invalid   []invalidEvent // the first maxErrors
	committed int64          // all lines up to this one are done
}

// refuse records an invalid line.
func (r *lineResult) refuse(line int64, fields []event.FieldError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.Invalid++
	r.report(event.Tally{Invalid: 1})
	r.list(line, fields)
}

// record records the outcomes of a chunk that was appended.
func (r *lineResult) record(chunk *lineChunk, outcomes []event.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committed = chunk.last
	var t event.Tally
	for i, outcome := range outcomes {
		t.Count(outcome)
		if fields := refusedFields(outcome); fields != nil {
			r.list(chunk.numbers[i], fields)
		}
	}
	r.tally = r.tally.Add(inResponse(t, outcomes))
	r.report(t)
}

// list keeps the errors of an invalid line for the response.
func (r *lineResult) list(line int64, fields []event.FieldError) {
	if len(r.invalid) < maxErrors {
		r.invalid = append(r.invalid, invalidEvent{at: line, fields: fields})
	}
}

// appendResponse appends the text of an [api.Batch] with the invalid lines only.
func (r *lineResult) appendResponse(dst []byte) []byte {
	slices.SortFunc(r.invalid, func(a, b invalidEvent) int { return cmp.Compare(a.at, b.at) })
	dst = append(appendTally(dst, r.tally), `,"results":[`...)
	for i, line := range r.invalid {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendInvalid(dst, "line", line.at, line.fields)
	}
	dst = append(dst, ']')
	if r.tally.Refused() > int64(len(r.invalid)) {
		dst = append(dst, errorsTruncated...)
	}
	return append(dst, "}\n"...)
}
