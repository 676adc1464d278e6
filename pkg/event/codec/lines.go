package codec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrLineTooLong reports a line that is longer than the limit.
var ErrLineTooLong = errors.New("is too long")

// LineReader reads the lines of NDJSON, one event a line, in bounded memory.
// Make one with [NewLineReader].
type LineReader struct {
	buffer     lineBuffer
	limit      int
	number     int64
	line       []byte // a line that is longer than the buffer of in
	prefix     []byte
	memoryHook func(bytes int) error
}

// NewLineReader returns a reader of lines with at most limit bytes.
func NewLineReader(in io.Reader, limit int) *LineReader {
	return &LineReader{buffer: newLineBuffer(in), limit: limit}
}

// LargeBuffer is the size in bytes of the buffers of [LineReader.SetBuffers].
const LargeBuffer = largeBuffer

// SetBuffers sets the functions for the large buffer, which the reader needs while lines
// arrive fast. take returns one of LargeBuffer bytes, or nil if there is no memory; then
// the reader continues with a small one. give releases the buffer when lines arrive
// slowly, or in Release.
func (r *LineReader) SetBuffers(take func() []byte, give func([]byte)) {
	r.buffer.take, r.buffer.give = take, give
}

// StaySmall makes the reader use only a small buffer, for a stream that is slowed down.
func (r *LineReader) StaySmall() { r.buffer.slow = true }

// Release gives a large buffer back. The reader can't be used any more.
func (r *LineReader) Release() { r.buffer.release() }

// SetMemoryHook sets a function that is called before the reader allocates
// memory for a long line, and with a negative number after it released some. If
// the function returns an error, Next returns it.
func (r *LineReader) SetMemoryHook(hook func(bytes int) error) { r.memoryHook = hook }

// Prefix returns the first four bytes of the first line that is not blank, even
// if that line is too long. It is empty before such a line was read. Callers use
// it to recognise a text that is not NDJSON.
func (r *LineReader) Prefix() []byte { return r.prefix }

// Number returns the number of the last line read. It starts from 1, and blank
// lines count.
func (r *LineReader) Number() int64 { return r.number }

// Next returns the next line that is not blank, without white space around it.
// A byte order mark at its start is dropped: files that were put together have
// several. The line is valid until the next call. A line above the limit is skipped with
// [ErrLineTooLong]; the caller can go on reading. At the end Next returns io.EOF.
func (r *LineReader) Next() ([]byte, error) {
	for {
		text, err := r.read()
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrLineTooLong) {
			return nil, fmt.Errorf("read line %d: %w", r.number, err)
		}
		if errors.Is(err, ErrLineTooLong) {
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

// read returns everything up to and including the next newline. If the last
// line has none, it is returned together with io.EOF.
func (r *LineReader) read() ([]byte, error) {
	r.number++
	r.shrink()
	part, err := r.buffer.readSlice()
	if r.prefix == nil {
		r.notePrefix(part)
	}
	if err == nil && len(part) <= r.limit { // the whole line, still in the buffer
		return WithoutBOM(part), nil
	}
	const end = len("\r\n") // does not count
	long := false
	for {
		if long = long || len(r.line)+len(part) > r.limit+end; !long {
			if errMemory := r.grow(len(part)); errMemory != nil {
				return nil, errMemory
			}
			r.line = append(r.line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		part, err = r.buffer.readSlice()
	}
	long = long || len(bytes.TrimRight(r.line, "\r\n")) > r.limit
	if long && (err == nil || errors.Is(err, io.EOF)) {
		return nil, fmt.Errorf("%w: at most %d bytes are allowed", ErrLineTooLong, r.limit)
	}
	return WithoutBOM(r.line), err
}

// notePrefix keeps the first bytes of the text, unless the part is blank.
func (r *LineReader) notePrefix(part []byte) {
	const length = 4
	if text := bytes.Trim(WithoutBOM(part), " \t\r\n"); len(text) > 0 {
		r.prefix = bytes.Clone(text[:min(len(text), length)])
	}
}

// grow makes room for n more bytes of the line.
func (r *LineReader) grow(n int) error {
	if len(r.line)+n <= cap(r.line) {
		return nil
	}
	size := max(2*cap(r.line), len(r.line)+n)
	if r.memoryHook != nil {
		if err := r.memoryHook(size - cap(r.line)); err != nil {
			return err
		}
	}
	r.line = append(make([]byte, 0, size), r.line...)
	return nil
}

// shrink empties the line and releases its memory if it was long.
func (r *LineReader) shrink() {
	if cap(r.line) <= smallBuffer {
		r.line = r.line[:0]
		return
	}
	if r.memoryHook != nil {
		_ = r.memoryHook(-cap(r.line)) // a release never fails
	}
	r.line = nil
}

// Buffered reports whether the next line was received already, so that Next
// returns it without waiting.
func (r *LineReader) Buffered() bool {
	return bytes.IndexByte(r.buffer.unread(), '\n') >= 0
}
