package publish

import (
	"cmp"
	"context"
	"hash/maphash"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// publishLines takes any number of events, one a line (NDJSON).
//
//	body ─▶ lineReader ──lineQueue──▶ lineAppender ─▶ Append
//	             └────────▶ lineResult ◀────┘
//
// One goroutine reads lines into a chunk. Another appends what has gathered, as a
// group commit does: the line of a slow sender is stored at once, those of a fast
// one share a transaction. Only one chunk is being appended at a time, so the
// first line of a key wins and what is committed has no gap. Memory is that of
// two chunks, however long the stream is.
func (h *Handler) publishLines(c echo.Context, p *request, body io.Reader) error {
	respond.MarkStream(c)
	if p.prefer.strict {
		return &respond.Error{
			Status: http.StatusUnprocessableEntity, Detail: "A stream of lines is stored as it arrives, so it can't be all or nothing; send an array.",
			Fields: []event.FieldError{{Field: "handling", Message: "strict is not supported for NDJSON"}},
		}
	}
	p.setBatchDefaults()
	r, control := c.Request(), http.NewResponseController(c.Response())
	stream := &lineStream{
		budget:   &lineBudget{request: r, work: p},
		deadline: &readDeadline{control: control, timeout: h.options.ReadTimeout},
		queue:    newLineQueue(),
		result:   &lineResult{report: p.report},
	}
	defer stream.budget.release()
	reader := h.newLineReader(r, p, body, stream)
	defer reader.lines.Release()
	appender := &lineAppender{lineStream: stream, handler: h, request: r, prefer: p.prefer, seed: maphash.MakeSeed()}
	err := h.runLines(reader, appender)
	_ = control.SetWriteDeadline(time.Now().Add(h.options.WriteTimeout)) // reading may have taken long
	if err != nil {
		c.Response().Header()[respond.HeaderConnection] = h.headers.Close // otherwise net/http waits for the rest of the body
		return &respond.PartialError{Err: err, Committed: stream.result.committed}
	}
	p.prefer.setApplied(c.Response().Header(), stream.result.tally.Queued > 0) // it is minimal in any case
	p.response = stream.result.appendResponse(p.response[:0])
	return h.send(c, p.prefer, batchStatus(stream.result.tally, p.prefer.lenient), p.response)
}

// lineStream is what the reader and the appender of a stream share.
type lineStream struct {
	budget   *lineBudget
	deadline *readDeadline
	queue    *lineQueue
	result   *lineResult
}

// runLines reads and appends until the body ends, or either fails. What was read
// completely is appended, whatever ended the reading.
func (h *Handler) runLines(reader *lineReader, appender *lineAppender) error {
	stop := context.AfterFunc(h.options.Shutdown, reader.deadline.stop)
	defer stop()
	var appending sync.WaitGroup
	appending.Go(appender.run)
	err := func() error {
		defer reader.queue.end() // after a panic, too
		return reader.run()
	}()
	appending.Wait()
	if reader.queue.err == nil { // what was not appended by now is invalid
		reader.result.committed = max(reader.result.committed, reader.queue.next.last)
	}
	return cmp.Or(reader.queue.err, err)
}

// readDeadline limits the wait for the next line, not the whole stream.
type readDeadline struct {
	control *http.ResponseController
	timeout time.Duration

	mu      sync.Mutex
	stopped bool
}

// extend gives the client its time again, unless stop was called.
func (d *readDeadline) extend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		_ = d.control.SetReadDeadline(time.Now().Add(d.timeout)) // the system's clock, also in tests
	}
}

// stop ends the current read and all later ones.
func (d *readDeadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	_ = d.control.SetReadDeadline(time.Unix(1, 0))
}

// lineBudget is what a stream of lines takes from the memory budget.
type lineBudget struct {
	request *http.Request
	work    *request

	mu   sync.Mutex
	held int64
}

// hold takes n bytes, or gives them back if n is negative. It waits for memory
// that other requests use.
func (b *lineBudget) hold(n int) error {
	budget := b.work.handler.budget
	if n < 0 {
		budget.Release(b.work.sender.Client(), int64(-n))
	} else if err := retryWhileOverloaded(b.request.Context(), maxLineWait, func() error { return budget.Reserve(b.work.sender.Client(), int64(n), b.own()) }); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += int64(n)
	return nil
}

// own is the part of the budget that this request has.
func (b *lineBudget) own() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held + b.work.charged
}

// takeBuffer returns the large buffer of a line reader, nil if there is no memory for it.
func (b *lineBudget) takeBuffer() []byte {
	handler := b.work.handler
	if handler.budget.Reserve(b.work.sender.Client(), codec.LargeBuffer, b.own()) != nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += codec.LargeBuffer
	return handler.buffers.Get().(*[codec.LargeBuffer]byte)[:]
}

// giveBuffer gives the buffer back.
func (b *lineBudget) giveBuffer(buffer []byte) {
	b.work.handler.buffers.Put((*[codec.LargeBuffer]byte)(buffer))
	_ = b.hold(-codec.LargeBuffer) // a release never fails
}

func (b *lineBudget) release() { b.work.handler.budget.Release(b.work.sender.Client(), b.held) }
