package loadgen

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// errLongLine says that a line was cut off.
var errLongLine = errors.New("is too long")

// lineReader reads lines of any length in bounded memory.
type lineReader struct {
	in     *bufio.Reader
	limit  int
	number int64 // of the line read last, from 1
	line   []byte
}

func newLineReader(in io.Reader, limit int) *lineReader {
	const readAhead = 64 << 10
	return &lineReader{in: bufio.NewReaderSize(in, readAhead), limit: limit}
}

// next reads the next line that is not blank, without white space around it.
// It is valid until the following call. A line beyond the limit is skipped and
// answered with errLongLine; reading can go on. At the end it answers io.EOF.
func (r *lineReader) next() ([]byte, error) {
	for {
		err := r.read()
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errLongLine) {
			return nil, fmt.Errorf("read line %d: %w", r.number, err)
		}
		if errors.Is(err, errLongLine) {
			return nil, err
		}
		if line := bytes.TrimSpace(r.line); len(line) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// read fills r.line up to and including the next newline. The last line may
// come without one, together with io.EOF.
func (r *lineReader) read() error {
	r.number++
	r.line = r.line[:0]
	long := false
	for {
		part, err := r.in.ReadSlice('\n')
		if long = long || len(r.line)+len(part) > r.limit; !long {
			r.line = append(r.line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if r.number == 1 { // some editors begin a file with a byte order mark
			r.line = bytes.TrimPrefix(r.line, []byte("\ufeff"))
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			return fmt.Errorf("%w: at most %d bytes are taken", errLongLine, r.limit)
		}
		return err
	}
}

// waiting reports whether another line lies ready, so that reading it will not
// make lines that were read before wait.
func (r *lineReader) waiting() bool {
	ready, _ := r.in.Peek(r.in.Buffered()) // no more than there is, so it can't fail
	return bytes.IndexByte(ready, '\n') >= 0
}
