package publish

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdFrames reads a zstd stream for a decoder. Before the decoder gets a frame, it takes
// memory for the window that the frame declares. The decoder allocates the whole window
// with the first block, and a frame of 20 bytes can declare 8 MiB. RFC 8878, section 3.1,
// has the format.
type zstdFrames struct {
	in     io.Reader
	charge func(bytes int64) error

	charged  int64 // for the largest window so far
	err      error // why there is no memory
	head     []byte
	inFrame  bool // head is that of a block, not of a frame
	checksum bool // follows the last block of the frame
	skip     int64
	unknown  bool // it is not zstd; the decoder returns the error
}

// Read implements [io.Reader].
func (z *zstdFrames) Read(p []byte) (int, error) {
	n, err := z.in.Read(p)
	if z.err = z.pass(p[:n]); z.err != nil {
		return 0, z.err
	}
	return n, err
}

// pass looks for heads of frames and blocks in the next bytes of the stream.
func (z *zstdFrames) pass(p []byte) error {
	for len(p) > 0 && !z.unknown {
		if z.skip > 0 {
			n := min(z.skip, int64(len(p)))
			z.skip -= n
			p = p[n:]
			continue
		}
		z.head, p = append(z.head, p[0]), p[1:]
		if z.inFrame {
			z.passBlock()
		} else if err := z.passFrame(); err != nil {
			return err
		}
	}
	return nil
}

// passFrame reads the head of a frame, if it is complete.
func (z *zstdFrames) passFrame() error {
	var header zstd.Header
	switch err := header.Decode(z.head); {
	case errors.Is(err, io.ErrUnexpectedEOF) || err == nil && len(z.head) < header.HeaderSize:
		return nil
	case err != nil:
		z.unknown = true
		return nil //nolint:nilerr // the decoder reports it
	case header.Skippable:
		z.skip, z.head = int64(header.SkippableSize), z.head[:0]
		return nil
	}
	window := header.WindowSize
	if header.SingleSegment {
		window = header.FrameContentSize
	}
	z.head, z.inFrame, z.checksum = z.head[:0], true, header.HasCheckSum
	// The decoder refuses larger windows.
	return z.take(int64(min(window, maxWindow)))
}

// take takes memory for a window, and for two blocks beside it, unless there is enough
// for an earlier frame.
func (z *zstdFrames) take(window int64) error {
	const maxBlock = 128 << 10
	more := window + 2*min(window, maxBlock) - z.charged
	if more <= 0 {
		return nil
	}
	if err := z.charge(more); err != nil {
		return err
	}
	z.charged += more
	return nil
}

// passBlock reads the head of a block, if it is complete.
func (z *zstdFrames) passBlock() {
	const length, repeated, checksumBytes = 3, 1, 4
	if len(z.head) < length {
		return
	}
	value := int64(z.head[0]) | int64(z.head[1])<<8 | int64(z.head[2])<<16
	last, kind, size := value&1 == 1, value>>1&3, value>>3
	if z.head = z.head[:0]; kind == repeated {
		size = 1
	}
	z.skip = size
	if last {
		if z.inFrame = false; z.checksum {
			z.skip += checksumBytes
		}
	}
}
