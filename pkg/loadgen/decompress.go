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

// maxWindow is how far back zstd may refer, and so what unpacking may take: what
// the zstd program itself reads without being told to take more.
const maxWindow = 128 << 20

// decompressor reads what is compressed with gzip or zstd, and all else as it is. The
// first bytes decide: no line of JSON begins with them.
type decompressor struct {
	in    io.Reader
	from  io.Reader // nil before the first read
	close func()
}

// Read opens at the first call, since looking at the first bytes may block.
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
	in := bufio.NewReaderSize(u.in, longestMagic) // small: later reads go past it
	head, err := in.Peek(longestMagic)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}): // RFC 1952, section 2.3.1
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("unpack gzip: %w", err)
		}
		u.from = unzipped
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, section 3.1.1
		unpacked, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("unpack zstd: %w", err)
		}
		u.from, u.close = unpacked, unpacked.Close
	default:
		u.from = in
	}
	return nil
}

// Close gives back what unpacking took. It is for the goroutine that reads.
func (u *decompressor) Close() {
	if u.close != nil {
		u.close()
	}
}
