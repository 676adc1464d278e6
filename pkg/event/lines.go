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
	head   []byte
	hold   func(bytes int) error
}

// NewLineReader reads lines of at most limit bytes.
func NewLineReader(in io.Reader, limit int) *LineReader {
	const readAhead = 64 << 10
	return &LineReader{in: bufio.NewReaderSize(in, readAhead), limit: limit}
}

// Hold makes the reader ask before it takes more memory for a long line, and
// tell with a negative number when it gives that back. An error is what the
// reader then answers.
func (r *LineReader) Hold(hold func(bytes int) error) { r.hold = hold }

// Head is how the first line that is not blank begins: up to four bytes, also of
// a line beyond the limit, and none before there is one. By it a text can be
// told that is in another form than lines.
func (r *LineReader) Head() []byte { return r.head }

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
		if line := bytes.Trim(text, " \t\r\n"); len(line) > 0 { // JSON's white space, not Unicode's
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
	r.shrink()
	part, err := r.in.ReadSlice('\n')
	if r.head == nil {
		r.behead(part)
	}
	if err == nil && len(part) <= r.limit { // the whole line, still in the buffer
		return r.unmarked(part), nil
	}
	const end = len("\r\n") // does not count
	long := false
	for {
		if long = long || len(r.line)+len(part) > r.limit+end; !long {
			if errHold := r.grow(len(part)); errHold != nil {
				return nil, errHold
			}
			r.line = append(r.line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		part, err = r.in.ReadSlice('\n')
	}
	long = long || len(bytes.TrimRight(r.line, "\r\n")) > r.limit
	if long && (err == nil || errors.Is(err, io.EOF)) {
		return nil, fmt.Errorf("%w: at most %d bytes are taken", ErrLongLine, r.limit)
	}
	return r.unmarked(r.line), err
}

// behead keeps how the text begins, unless the part is blank.
func (r *LineReader) behead(part []byte) {
	const length = 4
	if text := bytes.Trim(r.unmarked(part), " \t\r\n"); len(text) > 0 {
		r.head = bytes.Clone(text[:min(len(text), length)])
	}
}

// grow makes room for n more bytes of the line.
func (r *LineReader) grow(n int) error {
	if len(r.line)+n <= cap(r.line) {
		return nil
	}
	size := max(2*cap(r.line), len(r.line)+n)
	if r.hold != nil {
		if err := r.hold(size - cap(r.line)); err != nil {
			return err
		}
	}
	r.line = append(make([]byte, 0, size), r.line...)
	return nil
}

// shrink empties the line, and gives its memory back after a long one.
func (r *LineReader) shrink() {
	if cap(r.line) <= keptBytes {
		r.line = r.line[:0]
		return
	}
	if r.hold != nil {
		_ = r.hold(-cap(r.line)) // giving back is never refused
	}
	r.line = nil
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
