package loadgen

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the maximum window of zstd, which limits the memory. It is the default
// of the zstd program.
const maxWindow = 128 << 20

// decompressor decompresses gzip and zstd, and passes other data on. It decides by
// the first bytes: no line of JSON begins with those of gzip or zstd.
type decompressor struct {
	in    io.Reader
	from  io.Reader // nil before the first read
	close func()
}

// Read detects the format at its first call, because that may block.
func (u *decompressor) Read(p []byte) (int, error) {
	if u.from == nil {
		if err := u.open(); err != nil {
			return 0, err
		}
	}
	return u.from.Read(p)
}

func (u *decompressor) open() error {
	const longestMagic = 4
	in := bufio.NewReaderSize(u.in, longestMagic) // small: later reads bypass it
	head, err := in.Peek(longestMagic)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}): // RFC 1952, section 2.3.1
		reader, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("decompress gzip: %w", err)
		}
		u.from = reader
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, section 3.1.1
		reader, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("decompress zstd: %w", err)
		}
		u.from, u.close = reader, reader.Close
	default:
		u.from = in
	}
	return nil
}

// Close releases memory. The goroutine that reads calls it.
func (u *decompressor) Close() {
	if u.close != nil {
		u.close()
	}
}
