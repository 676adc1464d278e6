package codec_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event/codec"
)

// parts is a reader that returns its parts one by one, as a connection does.
type parts [][]byte

func (p *parts) Read(dst []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(dst, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	return n, nil
}

// TestLineReader_LinesDoNotDependOnReads: however the text arrives, and whether or not
// there is memory for large buffers, the lines are the same. All large buffers are given
// back.
func TestLineReader_LinesDoNotDependOnReads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var text strings.Builder
		var want []string
		for range rapid.IntRange(0, 30).Draw(rt, "lines") {
			size := rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(4000, 4200), rapid.IntRange(60_000, 70_000)).Draw(rt, "size")
			line := strings.Repeat(string(rune('a'+size%26)), size)
			want = append(want, line)
			text.WriteString(line + "\n")
		}
		data := []byte(text.String())
		var body parts
		for len(data) > 0 {
			n := min(len(data), rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(4000, 5000), rapid.IntRange(1, 100_000)).Draw(rt, "part"))
			body, data = append(body, data[:n]), data[n:]
		}
		reader := codec.NewLineReader(&body, 1<<20)
		lent, scarce := 0, rapid.Bool().Draw(rt, "scarce")
		reader.SetBuffers(func() []byte {
			if scarce && rapid.Bool().Draw(rt, "no memory") {
				return nil
			}
			lent++
			return make([]byte, codec.LargeBuffer)
		}, func([]byte) { lent-- })
		var got []string
		for {
			line, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, string(line))
			if lent > 1 {
				rt.Fatalf("%d large buffers are in use", lent)
			}
		}
		reader.Release()
		if !cmp.Equal(got, want) || lent != 0 {
			rt.Fatalf("%d lines instead of %d, %d buffers were not given back", len(got), len(want), lent)
		}
	})
}

// TestLineReader_HoldsLargeBufferOnlyWhileLinesArriveFast reads a burst of lines, and
// then single ones.
func TestLineReader_HoldsLargeBufferOnlyWhileLinesArriveFast(t *testing.T) {
	t.Parallel()
	line := []byte(strings.Repeat("x", 199) + "\n")
	body := parts{line, bytes.Repeat(line, 1000), line, line}
	reader := codec.NewLineReader(&body, 1<<20)
	lent, most := 0, 0
	reader.SetBuffers(
		func() []byte { lent++; most = max(most, lent); return make([]byte, codec.LargeBuffer) },
		func([]byte) { lent-- })
	for n := 1; ; n++ {
		if _, err := reader.Next(); err != nil {
			break
		}
		if (n == 1 || n == 1003) && lent != 0 {
			t.Errorf("after line %d a large buffer is in use", n)
		}
	}
	if most != 1 {
		t.Error("no large buffer was used for the burst")
	}
}
