package server

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// Bounds of the lines that are appended together.
const (
	chunkLines = 5000
	chunkBytes = 1 << 20
)

// maxLineErrors is how many invalid lines an answer names.
const maxLineErrors = 100

// lineChunk is some lines that are appended together.
type lineChunk struct {
	events  []event.Event
	numbers []int64 // the line of each
	bytes   int64
	last    int64 // all lines up to this one are in this chunk or before it
}

func (c *lineChunk) full() bool { return len(c.events) >= chunkLines || c.bytes >= chunkBytes }

// lineStream is one request that sends events as lines. One goroutine reads
// them into a chunk; another appends what has gathered, as a group commit does:
// a slow sender's line is stored at once, a fast one's share a transaction. Only
// one chunk is on its way at a time, so that the first line of a key wins and
// what is committed has no gap. Memory is that of two chunks, however long it
// lasts.
type lineStream struct {
	server  *Server
	request *http.Request
	control *http.ResponseController
	work    *publishing
	lines   *codec.LineReader
	dry     []*dryReader
	seed    maphash.Seed

	mu        sync.Mutex
	changed   *sync.Cond
	next      lineChunk // gathers
	ended     bool      // nothing more comes
	err       error     // what appending ended with
	held      int64     // on the budget
	counts    tally
	invalid   []invalidEvent
	committed int64
}

// publishLines takes any number of events, one a line.
func (s *Server) publishLines(c echo.Context, p *publishing, body io.Reader) error {
	const readAhead = 64 << 10
	markStream(c)
	if err := p.charge(readAhead); err != nil {
		return err
	}
	plain := &dryReader{in: body, limit: s.options.MaxBodyBytes}
	l := &lineStream{
		server: s, request: c.Request(), control: http.NewResponseController(c.Response()), work: p,
		lines: codec.NewLineReader(plain, int(s.options.MaxEventBytes)), dry: []*dryReader{plain, p.packed},
		seed: maphash.MakeSeed(),
	}
	l.changed = sync.NewCond(&l.mu)
	l.lines.SetMemoryHook(l.hold)
	defer l.release()
	err := l.run()
	_ = l.control.SetWriteDeadline(time.Now().Add(s.options.WriteTimeout)) // reading may have taken long
	if err != nil {
		c.Response().Header()[headerConnection] = s.headers.closing // or the rest of the body would be waited for
		return &partialError{err: err, committed: l.committed}
	}
	preferencesOf(c.Request().Header).tell(c.Response().Header(), l.counts.queued > 0) // minimal it is in any case
	p.answer = l.appendAnswer(p.answer[:0])
	return s.write(c, l.counts.status(), s.headers.json, p.answer)
}

// partialError is what ended a stream of lines, some of which are committed.
type partialError struct {
	err       error
	committed int64
}

// Error is the reason's message.
func (e *partialError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *partialError) Unwrap() error { return e.err }

// detail tells the sender where to go on.
func (e *partialError) detail() string {
	if e.committed == 0 {
		return "No line is known to be committed; send all of them again."
	}
	return "The lines up to " + strconv.FormatInt(e.committed, 10) + " are dealt with: committed, queued, or invalid. Send those after it again."
}

// run reads and appends until there is nothing more, or one of both fails. What
// was read as a whole is appended whatever ended the reading.
func (l *lineStream) run() error {
	stop := l.server.cutOnShutdown(func() { _ = l.control.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var appending sync.WaitGroup
	appending.Go(l.append)
	err := func() error {
		defer l.end() // after a panic too
		return l.read()
	}()
	appending.Wait()
	return cmp.Or(l.err, err)
}

// read takes all lines.
func (l *lineStream) read() error {
	for first := true; ; first = false {
		if !l.lines.Buffered() {
			l.extend()
		}
		text, err := l.lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, codec.ErrLineTooLong):
			l.refuse(codec.EventTooLong(int(l.server.options.MaxEventBytes)), first)
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && l.server.cut.Err() != nil:
			return fmt.Errorf("read lines: %w", store.ErrClosed)
		case err != nil:
			return readError(err)
		}
		e, err := l.work.decoder.Decode(text)
		if err != nil {
			l.refuse(err, first)
			continue
		}
		if err := l.add(e, int64(len(text))); err != nil {
			return err
		}
	}
}

// extend gives the client its time anew: it is for the next lines and not for
// all of a stream.
func (l *lineStream) extend() {
	deadline := time.Now().Add(l.server.options.ReadTimeout) // the system's clock, whatever a test has
	_ = l.control.SetReadDeadline(deadline)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.server.cut.Err() != nil { // or what has just ended the wait would be undone
		_ = l.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// refuse notes an invalid line. By the first one may be seen that these are no
// lines at all.
func (l *lineStream) refuse(err error, first bool) {
	l.wet()
	if first {
		err = hintedLine(err, l.request.Header, l.lines.Prefix())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next.last = l.lines.Number()
	l.counts.invalid++
	l.server.count(tally{invalid: 1})
	l.note(l.lines.Number(), faultsOf(err))
}

// note keeps what is wrong with an invalid line, for the first hundred.
func (l *lineStream) note(line int64, faults []event.FieldError) {
	if len(l.invalid) < maxLineErrors {
		l.invalid = append(l.invalid, invalidEvent{at: line, faults: faults})
	}
}

// add puts an event into the chunk, and waits while that is full.
func (l *lineStream) add(e event.Event, size int64) error {
	l.wet()
	if err := l.hold(int(size)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.next.full() && l.err == nil {
		l.changed.Wait()
	}
	if l.err != nil {
		return l.err
	}
	l.next.events = append(l.next.events, e)
	l.next.numbers = append(l.next.numbers, l.lines.Number())
	l.next.bytes += size
	l.next.last = l.lines.Number()
	if len(l.next.events) == 1 {
		l.changed.Signal()
	}
	return nil
}

func (l *lineStream) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.changed.Signal()
}

// append appends chunk after chunk until there are no more.
func (l *lineStream) append() {
	var chunk lineChunk
	for l.take(&chunk) {
		outcomes, err := l.appendChunk(chunk.events)
		l.settle(&chunk, outcomes, err)
	}
}

// take exchanges the empty chunk for what has gathered. It reports false when
// nothing more will.
func (l *lineStream) take(chunk *lineChunk) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.next.events) == 0 && !l.ended && l.err == nil {
		l.changed.Wait()
	}
	if len(l.next.events) == 0 || l.err != nil {
		return false
	}
	*chunk, l.next = l.next, *chunk
	l.changed.Signal()
	return true
}

// appendChunk appends one chunk, a large one in two lanes side by side. A key's
// lane is always the same, so that its first line still wins: a single
// transaction keeps no more than one of PostgreSQL's processes busy.
func (l *lineStream) appendChunk(events []event.Event) ([]event.Outcome, error) {
	if len(events) < worthLanes {
		return l.appendLane(events)
	}
	var lanes [2]lane
	for i := range events {
		lanes[maphash.String(l.seed, events[i].ID)%2].add(i, events[i])
	}
	var other sync.WaitGroup
	other.Go(func() { lanes[1].outcomes, lanes[1].err = l.appendLane(lanes[1].events) })
	lanes[0].outcomes, lanes[0].err = l.appendLane(lanes[0].events)
	other.Wait()
	outcomes := make([]event.Outcome, len(events))
	for _, lane := range lanes {
		if lane.err != nil {
			return nil, lane.err
		}
		for i, place := range lane.places {
			outcomes[place] = lane.outcomes[i]
		}
	}
	return outcomes, nil
}

// worthLanes is how many events a chunk must have for a second lane; a
// transaction costs as much as some twenty events.
const worthLanes = 500

// lane is a part of a chunk, and where in the chunk its events are.
type lane struct {
	events   []event.Event
	places   []int
	outcomes []event.Outcome
	err      error
}

func (l *lane) add(place int, e event.Event) {
	l.places = append(l.places, place)
	l.events = append(l.events, e)
}

// appendLane appends events. A full queue is waited for: the client is held by
// its connection meanwhile, and nothing was taken.
func (l *lineStream) appendLane(events []event.Event) (outcomes []event.Outcome, err error) {
	defer func() {
		if value := recover(); value != nil { // not in the handler's goroutine, where it would be answered
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	err = patiently(l.request, func() error {
		outcomes, err = l.server.append(l.request, events)
		return err
	})
	return outcomes, err
}

// settle counts what became of a chunk and empties it.
func (l *lineStream) settle(chunk *lineChunk, outcomes []event.Outcome, err error) {
	_ = l.hold(-int(chunk.bytes))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err = err; err != nil {
		_ = l.control.SetReadDeadline(time.Unix(1, 0)) // the reader may be waiting for a line
	} else {
		l.committed = chunk.last
	}
	before := l.counts
	for i, outcome := range outcomes {
		l.counts.count(outcome)
		if outcome == event.Rejected {
			l.note(chunk.numbers[i], []event.FieldError{{Field: "body", Message: "is refused by the database"}})
		}
	}
	l.server.count(l.counts.since(before))
	clear(chunk.events)
	*chunk = lineChunk{events: chunk.events[:0], numbers: chunk.numbers[:0]}
	l.changed.Signal()
}

// hold takes n bytes of the budget, or gives them back. What others hold is
// waited for.
func (l *lineStream) hold(n int) error {
	if n < 0 {
		l.server.budget.release(int64(-n))
	} else if err := patiently(l.request, func() error { return l.server.budget.reserve(int64(n), l.own()) }); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held += int64(n)
	return nil
}

// own is how much of the budget is this request's.
func (l *lineStream) own() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held + l.work.charged
}

func (l *lineStream) release() { l.server.budget.release(l.held) }

// wet notes an event, valid or not.
func (l *lineStream) wet() {
	for _, dry := range l.dry {
		dry.read = 0
	}
}

// appendAnswer appends the text of an [api.Batch] with the invalid lines only.
func (l *lineStream) appendAnswer(dst []byte) []byte {
	slices.SortFunc(l.invalid, func(a, b invalidEvent) int { return cmp.Compare(a.at, b.at) })
	dst = append(appendTally(dst, l.counts), `,"results":[`...)
	for i, line := range l.invalid {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendInvalid(dst, "line", line.at, line.faults)
	}
	dst = append(dst, ']')
	if l.counts.invalid > int64(len(l.invalid)) {
		dst = append(dst, `,"errors_truncated":true`...)
	}
	return append(dst, "}\n"...)
}
