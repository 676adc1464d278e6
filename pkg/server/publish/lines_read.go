package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// lineReader reads and decodes the lines of a stream.
type lineReader struct {
	*lineStream

	header        http.Header
	lines         *codec.LineReader
	decoder       *codec.Decoder
	maxEventBytes int
	idle          []*idleByteLimit
	shutdown      context.Context
	checkTopic    func(event.Event) error
	key           keyCheck
	invalid       invalidLimit
	pacer         linePacer
}

// newLineReader returns the reader of a body, which may be compressed.
func (h *Handler) newLineReader(r *http.Request, p *request, body io.Reader, stream *lineStream) *lineReader {
	maxEventBytes := int(h.options.MaxEventBytes)
	plain := &idleByteLimit{in: body, limit: h.options.MaxBodyBytes}
	lines := codec.NewLineReader(plain, maxEventBytes)
	lines.SetMemoryHook(stream.budget.hold)
	lines.SetBuffers(stream.budget.takeBuffer, stream.budget.giveBuffer)
	if coded, ok := body.(*decompressed); ok && coded.frames != nil {
		// It waits, and can be called beside the appender, unlike request.charge.
		coded.frames.charge = func(bytes int64) error { return stream.budget.hold(int(bytes)) } //nolint:contextcheck // the budget has the context of the request
	}
	onSlow := func() {
		lines.StaySmall()
		if h.options.OnLimited != nil {
			h.options.OnLimited(p.sender, true)
		}
	}
	return &lineReader{
		lineStream:    stream,
		header:        r.Header,
		lines:         lines,
		decoder:       p.decoders.event,
		maxEventBytes: maxEventBytes,
		idle:          []*idleByteLimit{plain, &p.raw.idleByteLimit},
		shutdown:      h.options.Shutdown,
		checkTopic:    p.checkTopic,
		key:           keyCheck{handler: h, sender: p.sender, last: h.options.Now()},
		invalid:       invalidLimit{received: func() int64 { return p.raw.received }, compressed: body != io.Reader(p.raw)},
		pacer:         linePacer{handler: h, client: r.Context(), onSlow: onSlow},
	}
}

// run reads all lines.
func (l *lineReader) run() error {
	for first := true; ; first = false {
		received := !l.lines.Buffered()
		if received {
			l.deadline.extend()
		}
		text, err := l.lines.Next()
		if received && err == nil {
			err = l.key.check()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, codec.ErrLineTooLong):
			if err := l.pace(l.maxEventBytes); err != nil {
				return err
			}
			if err := l.refuse(codec.EventTooLong(l.maxEventBytes), nil, first); err != nil {
				return err
			}
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && l.shutdown.Err() != nil:
			return fmt.Errorf("read lines: %w", store.ErrClosed)
		case err != nil:
			return readError(err)
		}
		if first && string(text) == "{" {
			return &respond.Error{
				Status: http.StatusUnprocessableEntity,
				Detail: "The body looks like JSON over several lines. Write each event on one line, or send one event with Content-Type: application/json.",
			}
		}
		if err := l.take(text, first); err != nil {
			return err
		}
	}
}

// pace waits after a line of n bytes. Then it checks the key, because lines that arrived
// before may wait for long.
func (l *lineReader) pace(n int) error {
	if !l.pacer.pace(l.key.sender, n) {
		return nil
	}
	return l.key.check()
}

// take decodes a line and hands its event over.
func (l *lineReader) take(text []byte, first bool) error {
	if err := l.pace(len(text)); err != nil {
		return err
	}
	e, err := l.decoder.Decode(text)
	if err == nil {
		err = l.checkTopic(e)
	}
	if err != nil {
		return l.refuse(err, text, first)
	}
	l.resetIdle()
	l.invalid.row = 0
	if err := l.budget.hold(len(text)); err != nil {
		return err
	}
	return l.queue.add(e, l.lines.Number(), int64(len(text)))
}

// refuse records an invalid line. The first line may show that the body is not
// NDJSON at all. It returns an error if too many lines are invalid.
func (l *lineReader) refuse(err error, text []byte, first bool) error {
	if !l.invalid.compressed {
		l.resetIdle()
	}
	if first {
		err = withLineHint(err, l.header, l.lines.Prefix(), text)
	}
	number, fields := l.lines.Number(), fieldErrors(err)
	l.queue.skip(number)
	l.result.refuse(number, fields)
	return l.invalid.add(fields)
}

// maxInvalidLines is the maximum number of invalid lines in a row.
const maxInvalidLines = 10_000

// invalidLimit ends a stream with too many invalid lines. Without it, a gzip of 70
// million lines "{}" kept a request busy for more than 6 minutes, even after its client
// had disconnected. TCP does not show that: a client may close its half of the connection
// and still wait for the response. So the work for each received byte is limited.
type invalidLimit struct {
	received   func() int64 // bytes of the body, compressed or not
	compressed bool

	row, total int64
}

// add counts an invalid line with these errors. Compressed bodies may have one such
// line for each byte received; plain ones can't have more.
func (l *invalidLimit) add(fields []event.FieldError) error {
	l.row++
	l.total++
	switch {
	case l.row > maxInvalidLines:
		return &respond.Error{
			Status: http.StatusUnprocessableEntity, Fields: fields,
			Detail: "More than " + strconv.Itoa(maxInvalidLines) + " lines in a row are invalid; errors has what is wrong with the last one. The rest was not read.",
		}
	case l.total > maxInvalidLines+l.received():
		return &respond.Error{
			Status: http.StatusUnprocessableEntity, Fields: fields,
			Detail: "The body decompresses to more invalid lines than it has bytes; errors has what is wrong with the last one. The rest was not read.",
		}
	default:
		return nil
	}
}

// resetIdle resets the limits of bytes without an event.
func (l *lineReader) resetIdle() {
	for _, limit := range l.idle {
		limit.resetIdle()
	}
}
