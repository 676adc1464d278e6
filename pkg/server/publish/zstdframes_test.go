package publish

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/server/respond"
)

// frame is a zstd frame and the window that it declares.
type frame struct {
	text   []byte
	window int64
}

// drawFrame returns a frame of any kind.
func drawFrame(t *rapid.T) frame {
	if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
		size := rapid.IntRange(0, 300).Draw(t, "skipped")
		text := binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, uint32(size))
		return frame{text: append(text, make([]byte, size)...)}
	}
	window := 1 << rapid.IntRange(10, 22).Draw(t, "window")
	var text bytes.Buffer
	encoder, err := zstd.NewWriter(&text, zstd.WithWindowSize(window), zstd.WithEncoderCRC(rapid.Bool().Draw(t, "checksum")),
		zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(rapid.Bool().Draw(t, "single segment")))
	if err != nil {
		t.Fatal(err)
	}
	part := rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "part")
	content := bytes.Repeat(part, rapid.IntRange(0, 20_000).Draw(t, "parts"))
	if rapid.Bool().Draw(t, "at once") {
		text.Write(encoder.EncodeAll(content, nil))
	} else {
		_, _ = encoder.Write(content)
		_ = encoder.Close()
	}
	var header zstd.Header
	if err := header.Decode(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	declared := int64(header.WindowSize)
	if header.SingleSegment {
		declared = int64(header.FrameContentSize)
	}
	return frame{text: text.Bytes(), window: declared}
}

// TestZstdFrames_ChargeTheLargestWindow: whatever the frames are, and in whatever pieces
// they arrive, the memory is that of the largest window.
func TestZstdFrames_ChargeTheLargestWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		want := int64(0)
		for range rapid.IntRange(0, 5).Draw(t, "frames") {
			f := drawFrame(t)
			stream = append(stream, f.text...)
			want = max(want, f.window+2*min(f.window, 128<<10))
		}
		charged := int64(0)
		in := io.Reader(bytes.NewReader(stream))
		if rapid.Bool().Draw(t, "byte by byte") {
			in = iotest.OneByteReader(in)
		}
		frames := &zstdFrames{in: in, charge: func(n int64) error { charged += n; return nil }}
		passed, err := io.ReadAll(frames)
		if err != nil || !bytes.Equal(passed, stream) || charged != want || frames.unknown {
			t.Fatalf("%d of %d bytes passed, %d charged, want %d, %v", len(passed), len(stream), charged, want, err)
		}
	})
}

// TestBudget_ZstdWindowsAreCharged: a few bytes make the decoder allocate 8 MiB. 200
// clients that send them and then nothing took more than a gigabyte.
func TestBudget_ZstdWindowsAreCharged(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	encoder, err := zstd.NewWriter(&text, zstd.WithWindowSize(maxWindow))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = encoder.Write(bytes.Repeat([]byte("0123456789abcdef"), 100_000))
	_ = encoder.Close()
	h := newHandler()
	if err := h.budget.Reserve("another client", h.options.MaxBufferedBytes*3/4, 0); err != nil {
		t.Fatal(err)
	}
	p := newRequest(h)
	p.raw.reset(iotest.DataErrReader(strings.NewReader(text.String())))
	in, err := p.openZstd()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, in); !errors.Is(err, respond.ErrBodyMemory) {
		t.Errorf("a window without memory: %v", err)
	}
	p.recycle()

	h.budget.Release("another client", h.options.MaxBufferedBytes*3/4)
	p = newRequest(h)
	p.raw.reset(strings.NewReader(text.String()))
	if in, err = p.openZstd(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, in); err != nil || n != 1_600_000 || h.BufferedBytes() < maxWindow {
		t.Errorf("%d bytes, %v, with %d on the budget", n, err, h.BufferedBytes())
	}
	p.closeDecoder()
	if left := h.BufferedBytes(); left > zstdBytes {
		t.Errorf("%d bytes stay on the budget after the body", left)
	}
	p.recycle()
	if left := h.BufferedBytes(); left != 0 {
		t.Errorf("%d bytes stay on the budget", left)
	}
}
