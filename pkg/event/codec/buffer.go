package codec

import (
	"bufio"
	"bytes"
	"io"
)

// Sizes of the buffer of a LineReader.
const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

// lineBuffer reads ahead. Its buffer is small until a read fills it, and becomes small
// again after a read that would fit into a small one. So only streams with fast senders
// have large buffers: 560 idle streams with large ones used up the memory for all bodies.
type lineBuffer struct {
	in    io.Reader
	small []byte // kept while the large one is in use
	data  []byte // small, or a large one
	// unread is data[start:end].
	start, end int
	err        error // of in; returned after what is unread
	last       int   // size of the last read
	slow       bool  // the buffer stays small

	// take returns a buffer of largeBuffer bytes, or nil if there is no memory for it.
	// give releases it.
	take func() []byte
	give func([]byte)
}

func newLineBuffer(in io.Reader) lineBuffer {
	small := make([]byte, smallBuffer)
	return lineBuffer{
		in: in, small: small, data: small,
		take: func() []byte { return make([]byte, largeBuffer) }, give: func([]byte) {},
	}
}

// unread returns what was read and not returned.
func (b *lineBuffer) unread() []byte { return b.data[b.start:b.end] }

// readSlice is [bufio.Reader.ReadSlice] for a newline. The result is valid until the
// next call.
func (b *lineBuffer) readSlice() ([]byte, error) {
	searched := 0
	for {
		if at := bytes.IndexByte(b.data[b.start+searched:b.end], '\n'); at >= 0 {
			return b.next(searched + at + 1), nil
		}
		searched = b.end - b.start
		if b.err != nil {
			return b.next(searched), b.err
		}
		b.resize()
		if searched == len(b.data) {
			return b.next(searched), bufio.ErrBufferFull
		}
		b.fill()
	}
}

// next returns n bytes.
func (b *lineBuffer) next(n int) []byte {
	b.start += n
	return b.data[b.start-n : b.start]
}

// resize moves what is unread to the start of the buffer that is right for the next
// read.
func (b *lineBuffer) resize() {
	data, isLarge := b.data, len(b.data) == largeBuffer
	switch {
	case isLarge && b.end-b.start < smallBuffer && (b.last < smallBuffer || b.slow):
		data = b.small
	case !isLarge && b.end == len(b.data) && !b.slow:
		if large := b.take(); large != nil {
			data = large
		}
	}
	b.move(data)
}

// move makes another buffer the current one, or moves within the same.
func (b *lineBuffer) move(data []byte) {
	old := b.data
	b.end = copy(data, b.unread())
	b.start, b.data = 0, data
	if len(old) == largeBuffer && len(data) != largeBuffer {
		b.give(old)
	}
}

// release gives a large buffer back. What is unread is lost.
func (b *lineBuffer) release() {
	b.start, b.end = 0, 0
	b.move(b.small)
}

// fill reads once. There is room.
func (b *lineBuffer) fill() {
	const maxEmptyReads = 100
	for range maxEmptyReads {
		var n int
		n, b.err = b.in.Read(b.data[b.end:])
		b.end += n
		b.last = n
		if n > 0 || b.err != nil {
			return
		}
	}
	b.err = io.ErrNoProgress
}
