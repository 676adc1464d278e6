package publish

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/eventagg/eventagg/pkg/server/memory"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// readBody reads all of body into p.body, at most one byte beyond limit. A declared
// length is refused at once if there is no memory for it. It is charged as it
// arrives: a client that declares much and sends nothing must not block others.
func (p *request) readBody(ctx context.Context, body io.Reader, length, limit int64) error {
	if length > limit {
		return bodyTooLarge(limit)
	}
	maxSize := limit + 1
	if length >= 0 {
		maxSize = length + 1
		if maxSize > memory.FreeBytes {
			if err := p.handler.budget.Admit(p.sender.Client(), maxSize); err != nil {
				return err
			}
		}
	}
	p.body = p.body[:0]
	for {
		if len(p.body) == cap(p.body) {
			if err := p.growBody(ctx, maxSize); err != nil {
				return err
			}
		}
		end := min(int64(cap(p.body)), limit+1)
		n, err := body.Read(p.body[len(p.body):end])
		p.body = p.body[:len(p.body)+n]
		switch {
		case int64(len(p.body)) > limit:
			return bodyTooLarge(limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return readError(err)
		}
	}
}

// growBody makes room in the body, for at most limit bytes.
func (p *request) growBody(ctx context.Context, limit int64) error {
	const minSize = 1 << 10
	size := min(max(minSize, 2*int64(cap(p.body))), max(limit, minSize))
	if err := p.chargeBody(ctx, size); err != nil {
		return err
	}
	grown := make([]byte, len(p.body), size)
	copy(grown, p.body)
	p.body = grown
	return nil
}

// bodyTooLarge refuses a body of more than limit bytes.
func bodyTooLarge(limit int64) error {
	return &respond.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: "The body is longer than the limit of " + strconv.FormatInt(limit, 10) +
			" bytes; send fewer events at once, or one event a line as application/x-ndjson.",
	}
}

// readError is the response to a body that can't be read.
func readError(err error) error {
	var refused *respond.Error
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, store.ErrOverloaded):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &respond.Error{
			Status: http.StatusRequestTimeout, Header: respond.HeaderConnection, Value: "close",
			Detail: "The body did not arrive in time.",
		}
	default:
		return &respond.Error{
			Status: http.StatusBadRequest, Header: respond.HeaderConnection, Value: "close",
			Detail: "The body ended early or its transfer coding is broken.",
		}
	}
}

// rawBody is a body as it arrives from the connection. It remembers how it ended,
// which a decompressor may hide: for a zstd reader, a connection that breaks
// between two frames looks like the end.
type rawBody struct {
	idleByteLimit

	progress progressDeadline
	received int64 // bytes
	err      error
}

// Read implements [io.Reader].
func (r *rawBody) Read(p []byte) (int, error) {
	n, err := r.idleByteLimit.Read(p)
	r.received += int64(n)
	if err != nil {
		r.err = err
	} else {
		r.progress.advance(int64(n))
	}
	return n, err
}

// end returns io.EOF if the body is complete, and otherwise what is wrong. It is
// called when a decompressor has reached its end.
func (r *rawBody) end() error {
	var rest [1]byte
	for r.err == nil {
		if n, err := r.Read(rest[:]); n > 0 && err == nil {
			return r.codingError(errAfterEnd)
		}
	}
	if errors.Is(r.err, io.EOF) {
		return io.EOF
	}
	return readError(r.err)
}

// errAfterEnd reports bytes after the end of a compressed body.
var errAfterEnd = errors.New("bytes after the end")

// reset starts with another body.
func (r *rawBody) reset(in io.Reader) {
	r.in, r.idle = in, 0
	r.progress, r.received, r.err = progressDeadline{}, 0, nil
}

// minUploadRate is the minimum average rate of an upload in bytes per second. A body of
// 16 MiB may take 34 minutes.
const minUploadRate = 8 << 10

// progressDeadline extends the read deadline of an upload while bytes arrive. A
// fixed deadline for the whole body would refuse every large body on a slow link,
// however often it is sent. The zero value does nothing: a stream of lines has a
// deadline per line.
type progressDeadline struct {
	writer   http.ResponseWriter // whose connection has the deadline
	timeout  time.Duration       // without any byte
	begin    time.Time
	received int64 // bytes
	extended time.Time
}

// advance records that n more bytes arrived. It sets the deadline at most once a
// second.
func (d *progressDeadline) advance(n int64) {
	if d.writer == nil {
		return
	}
	d.received += n
	now := time.Now() // the system's clock, also in tests
	if now.Sub(d.extended) < time.Second {
		return
	}
	d.extended = now
	earned := time.Duration(float64(d.received) / minUploadRate * float64(time.Second))
	deadline := now.Add(d.timeout)
	if slowest := d.begin.Add(d.timeout + earned); slowest.Before(deadline) {
		deadline = slowest
	}
	_ = http.NewResponseController(d.writer).SetReadDeadline(deadline)
}

// extendWrite gives the response of a long upload its full time.
func (d *progressDeadline) extendWrite(timeout time.Duration) {
	if now := time.Now(); now.Sub(d.begin) > time.Second {
		_ = http.NewResponseController(d.writer).SetWriteDeadline(now.Add(timeout))
	}
}

// idleByteLimit ends a body that has too many bytes without an event: blank lines, an
// endless line, compressed zeros. In a compressed body only valid events count. Apart from
// this limit, a stream may have any length.
type idleByteLimit struct {
	in    io.Reader
	limit int64
	idle  int64 // bytes since the last event
}

// Read reads, unless there were too many bytes without an event.
func (l *idleByteLimit) Read(p []byte) (int, error) {
	if l.idle > l.limit {
		return 0, &respond.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: "More than " + strconv.FormatInt(l.limit, 10) + " bytes arrived without an event.",
		}
	}
	n, err := l.in.Read(p)
	l.idle += int64(n)
	return n, err
}

// resetIdle records that an event arrived.
func (l *idleByteLimit) resetIdle() { l.idle = 0 }
