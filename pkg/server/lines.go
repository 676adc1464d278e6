package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/event"
)

// Bounds of the lines that are appended together, and of how many such chunks
// of one request are on their way to the store at once: while some wait for
// their COMMIT, the next is read.
const (
	chunkLines  = 1000
	chunkBytes  = 1 << 20
	chunksAhead = 4
)

// maxLineErrors is how many invalid lines an answer names.
const maxLineErrors = 100

// lineChunk is some lines on their way to the store.
type lineChunk struct {
	events   []event.Event
	numbers  []int64 // the line of each
	bytes    int64
	last     int64 // all lines up to this one are in this chunk or before it
	outcomes []event.Outcome
	err      error
	done     chan struct{}
}

// lineStream is one request that sends events as lines. Its memory is that of
// its chunks, however long it lasts.
type lineStream struct {
	server    *Server
	request   *http.Request
	control   *http.ResponseController
	decoder   *event.Decoder
	lines     *event.LineReader
	dry       []*dryReader
	chunk     *lineChunk
	ahead     []*lineChunk // the oldest first
	counts    tally
	invalid   []invalidEvent
	committed int64
	failed    bool
}

// publishLines takes any number of events, one a line.
func (s *Server) publishLines(c echo.Context, p *publishing, body io.Reader) error {
	const readAhead = 64 << 10
	if err := p.charge(readAhead); err != nil {
		return err
	}
	limit := s.options.MaxBodyBytes
	plain := &dryReader{in: body, limit: limit}
	stream := lineStream{
		server: s, request: c.Request(), control: http.NewResponseController(c.Response()), decoder: p.decoder,
		lines: event.NewLineReader(plain, int(s.options.MaxEventBytes)), dry: []*dryReader{plain, p.packed}, chunk: new(lineChunk),
	}
	err := stream.read()
	stream.extend() // the answer has its own time, however long reading took
	if err != nil {
		return &partialError{err: err, committed: stream.committed}
	}
	p.answer = stream.appendAnswer(p.answer[:0])
	return s.write(c, stream.counts.status(), s.headers.json, p.answer)
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

// read takes all lines and waits until they are answered. It ends at the first
// chunk that fails.
func (l *lineStream) read() error {
	err := l.readLines()
	if err == nil {
		err = l.flush()
	}
	for len(l.ahead) > 0 { // after a failure too: what is under way still counts bytes
		if failed := l.collect(); err == nil {
			err = failed
		}
	}
	l.server.budget.release(l.chunk.bytes)
	return err
}

func (l *lineStream) readLines() error {
	for {
		if !l.lines.Waiting() {
			if err := l.pause(); err != nil {
				return err
			}
		}
		text, err := l.lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			l.chunk.last = l.lines.Number()
			return nil
		case errors.Is(err, event.ErrLongLine):
			l.refuse(event.LongEvent(int(l.server.options.MaxEventBytes)))
			continue
		case err != nil:
			return readError(err)
		}
		e, err := l.decoder.Decode(text)
		if err != nil {
			l.refuse(err)
			continue
		}
		if err := l.add(e, int64(len(text))); err != nil {
			return err
		}
	}
}

// pause is for when the next line may take a while. What has come is put on its
// way if nothing else is, as in a group commit; a fast sender fills whole chunks.
func (l *lineStream) pause() error {
	l.extend()
	for len(l.ahead) > 0 {
		select {
		case <-l.ahead[0].done:
			if err := l.collect(); err != nil {
				return err
			}
			continue
		default:
		}
		return nil
	}
	return l.flush()
}

// refuse notes an invalid line.
func (l *lineStream) refuse(err error) {
	l.chunk.last = l.lines.Number()
	l.counts.invalid++
	if len(l.invalid) < maxLineErrors {
		l.invalid = append(l.invalid, invalidEvent{at: l.lines.Number(), faults: faultsOf(err)})
	}
}

// add puts an event into the chunk, and the chunk on its way when it is full.
func (l *lineStream) add(e event.Event, size int64) error {
	for {
		err := l.server.budget.reserve(size)
		if err == nil {
			break
		}
		if len(l.ahead) == 0 && len(l.chunk.events) == 0 {
			return err
		}
		if err := l.flush(); err != nil {
			return err
		}
		if err := l.collect(); err != nil { // what is under way gives its share back
			return err
		}
	}
	for _, dry := range l.dry {
		dry.wet()
	}
	l.chunk.events = append(l.chunk.events, e)
	l.chunk.numbers = append(l.chunk.numbers, l.lines.Number())
	l.chunk.bytes += size
	l.chunk.last = l.lines.Number()
	if len(l.chunk.events) >= chunkLines || l.chunk.bytes >= chunkBytes {
		return l.flush()
	}
	return nil
}

// flush puts the chunk on its way to the store.
func (l *lineStream) flush() error {
	if len(l.chunk.events) == 0 && l.chunk.last == 0 {
		return nil
	}
	if len(l.ahead) == chunksAhead {
		if err := l.collect(); err != nil {
			return err
		}
	}
	chunk := l.chunk
	chunk.done = make(chan struct{})
	go func() {
		defer close(chunk.done)
		chunk.outcomes, chunk.err = l.server.append(l.request, chunk.events)
	}()
	l.ahead = append(l.ahead, chunk)
	l.chunk = &lineChunk{
		events:  make([]event.Event, 0, len(chunk.events)),
		numbers: make([]int64, 0, len(chunk.numbers)),
	}
	return nil
}

// collect waits for the oldest chunk and counts its outcomes.
func (l *lineStream) collect() error {
	chunk := l.ahead[0]
	l.ahead = l.ahead[1:]
	<-chunk.done
	l.server.budget.release(chunk.bytes)
	if chunk.err != nil {
		l.failed = true
		return chunk.err
	}
	if l.failed { // committed, but behind a gap
		return nil
	}
	l.committed = max(l.committed, chunk.last)
	for i, outcome := range chunk.outcomes {
		l.counts.count(outcome)
		if outcome != event.Rejected {
			continue
		}
		l.counts.invalid++
		if len(l.invalid) < maxLineErrors {
			l.invalid = append(l.invalid, invalidEvent{
				at: chunk.numbers[i], faults: []event.Fault{{Field: "body", Message: "is refused by the database"}},
			})
		}
	}
	return nil
}

// extend gives the client its time anew: it is for the next lines, or for the
// answer, and not for all of a stream.
func (l *lineStream) extend() {
	now := time.Now() // deadlines are the system's, whatever clock a test has
	_ = l.control.SetReadDeadline(now.Add(l.server.options.ReadTimeout))
	_ = l.control.SetWriteDeadline(now.Add(l.server.options.WriteTimeout))
}

// appendAnswer appends the text of an [api.Batch] with the invalid lines only.
func (l *lineStream) appendAnswer(dst []byte) []byte {
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

// dryReader ends a body that goes on and on without an event: blank lines, a
// line without end, a compressed nothing. It is what bounds a stream that may
// otherwise be as long as it likes.
type dryReader struct {
	in          io.Reader
	limit, read int64
}

// Read reads, unless there was no event for too long.
func (d *dryReader) Read(p []byte) (int, error) {
	if d.read > d.limit {
		return 0, &requestError{
			status: http.StatusRequestEntityTooLarge,
			detail: "More than " + strconv.FormatInt(d.limit, 10) + " bytes came without a valid event.",
		}
	}
	n, err := d.in.Read(p)
	d.read += int64(n)
	return n, err
}

// wet notes an event.
func (d *dryReader) wet() { d.read = 0 }
