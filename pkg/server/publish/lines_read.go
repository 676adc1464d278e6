package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// lineReader reads and decodes the lines of a stream.
type lineReader struct {
	header        http.Header
	lines         *codec.LineReader
	decoder       *codec.Decoder
	maxEventBytes int
	idle          []*idleByteLimit
	shutdown      context.Context
	deadline      *readDeadline
	budget        *lineBudget
	queue         *lineQueue
	result        *lineResult
}

// run reads all lines.
func (l *lineReader) run() error {
	for first := true; ; first = false {
		if !l.lines.Buffered() {
			l.deadline.extend()
		}
		text, err := l.lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, codec.ErrLineTooLong):
			l.refuse(codec.EventTooLong(l.maxEventBytes), nil, first)
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
		e, err := l.decoder.Decode(text)
		if err != nil {
			l.refuse(err, text, first)
			continue
		}
		l.resetIdle()
		if err := l.budget.hold(len(text)); err != nil {
			return err
		}
		if err := l.queue.add(e, l.lines.Number(), int64(len(text))); err != nil {
			return err
		}
	}
}

// refuse records an invalid line. The first line may show that the body is not
// NDJSON at all.
func (l *lineReader) refuse(err error, text []byte, first bool) {
	l.resetIdle()
	if first {
		err = withLineHint(err, l.header, l.lines.Prefix(), text)
	}
	number := l.lines.Number()
	l.queue.skip(number)
	l.result.refuse(number, fieldErrors(err))
}

// resetIdle records that there was an event, valid or not.
func (l *lineReader) resetIdle() {
	for _, limit := range l.idle {
		limit.resetIdle()
	}
}
