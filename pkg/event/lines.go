package event

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrLongLine says that a line was cut off.
var ErrLongLine = errors.New("is too long")

// LineReader reads lines of any length in bounded memory, as NDJSON has them:
// one event a line. Make one with [NewLineReader].
type LineReader struct {
	in     *bufio.Reader
	limit  int
	number int64
	line   []byte
}

// NewLineReader reads lines of at most limit bytes.
func NewLineReader(in io.Reader, limit int) *LineReader {
	const readAhead = 64 << 10
	return &LineReader{in: bufio.NewReaderSize(in, readAhead), limit: limit}
}

// Reset makes the reader begin anew with another input.
func (r *LineReader) Reset(in io.Reader) {
	r.in.Reset(in)
	r.number = 0
	if cap(r.line) > keptBytes {
		r.line = nil
	}
}

// Number is that of the line read last, from 1, blank lines counted.
func (r *LineReader) Number() int64 { return r.number }

// Next reads the next line that is not blank, without white space around it.
// It is valid until the following call. A line beyond the limit is skipped and
// answered with [ErrLongLine]; reading can go on. At the end it answers io.EOF.
func (r *LineReader) Next() ([]byte, error) {
	for {
		text, err := r.read()
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrLongLine) {
			return nil, fmt.Errorf("read line %d: %w", r.number, err)
		}
		if errors.Is(err, ErrLongLine) {
			return nil, err
		}
		if line := bytes.TrimSpace(text); len(line) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// read returns all up to and including the next newline. The last line may come
// without one, together with io.EOF.
func (r *LineReader) read() ([]byte, error) {
	r.number++
	part, err := r.in.ReadSlice('\n')
	if err == nil && len(part) <= r.limit { // the whole line, still in the buffer
		return r.unmarked(part), nil
	}
	r.line = r.line[:0]
	long := false
	for {
		if long = long || len(r.line)+len(part) > r.limit; !long {
			r.line = append(r.line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		part, err = r.in.ReadSlice('\n')
	}
	if long && (err == nil || errors.Is(err, io.EOF)) {
		return nil, fmt.Errorf("%w: at most %d bytes are taken", ErrLongLine, r.limit)
	}
	return r.unmarked(r.line), err
}

// unmarked drops the byte order mark that some editors begin a file with.
func (r *LineReader) unmarked(line []byte) []byte {
	if r.number == 1 {
		return bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line
}

// Waiting reports whether another line lies ready, so that reading it will not
// make lines that were read before wait.
func (r *LineReader) Waiting() bool {
	ready, _ := r.in.Peek(r.in.Buffered()) // no more than there is, so it can't fail
	return bytes.IndexByte(ready, '\n') >= 0
}
