package publish

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// readBody reads all of body into p.body, at most one byte beyond limit. A
// declared length is charged before anything is read: if each body was charged
// as it arrives, many large ones could all get halfway and none to its end. The
// buffer itself grows with what has arrived, so a declared mebibyte costs no
// memory before it comes.
func (p *request) readBody(body io.Reader, length, limit int64) error {
	if length > limit {
		return bodyTooLarge(limit)
	}
	maxSize := limit + 1
	if length >= 0 {
		maxSize = length + 1
		if err := p.chargeDeclared(maxSize); err != nil {
			return err
		}
	}
	p.body = p.body[:0]
	for {
		if len(p.body) == cap(p.body) {
			if err := p.growBody(maxSize); err != nil {
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
func (p *request) growBody(limit int64) error {
	const minSize = 1 << 10
	size := min(max(minSize, 2*int64(cap(p.body))), max(limit, minSize))
	if err := p.chargeBody(size); err != nil {
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

// idleByteLimit ends a body that goes on without an event: blank lines, an
// endless line, compressed zeros. It bounds a stream that may otherwise have any
// length.
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

// reset starts with another body.
func (l *idleByteLimit) reset(in io.Reader) { l.in, l.idle = in, 0 }
