package loadgen

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packs are the ways in which a file may be compressed.
func compressors() map[string]func(io.Writer) (io.WriteCloser, error) {
	return map[string]func(io.Writer) (io.WriteCloser, error){
		"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	}
}

// compressed returns the text as one compressed member.
func compressed(t *testing.T, newWriter func(io.Writer) (io.WriteCloser, error), text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := newWriter(&out)
	if err == nil {
		_, err = io.WriteString(w, text)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFile_ReadsCompressedInput(t *testing.T) {
	t.Parallel()
	lines := eventLine("a", "{}") + "\n" + eventLine("b", "{}") + "\n"
	for name, newWriter := range compressors() {
		whole := compressed(t, newWriter, lines)
		for _, test := range []struct {
			name   string
			data   []byte
			events int
			broken bool
		}{
			{"a whole file", whole, 2, false},
			{"two concatenated files", append(bytes.Clone(whole), compressed(t, newWriter, eventLine("c", "{}"))...), 3, false},
			{"an incomplete file", compressed(t, newWriter, strings.Repeat(lines, 10_000))[:100], 0, true},
			{"only a header", whole[:4], 0, true},
		} {
			t.Run(name+", "+test.name, func(t *testing.T) {
				t.Parallel()
				invalid := 0
				f, err := NewFile(bytes.NewReader(test.data), FileOptions{OnInvalid: func(int64, error) { invalid++ }})
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				events, _, err := readAll(t, f, 7)
				if (err != nil) != test.broken || !test.broken && len(events) != test.events {
					t.Errorf("%d events, error %v", len(events), err)
				}
				if invalid != 0 {
					t.Errorf("%d lines reported as invalid", invalid)
				}
			})
		}
	}
}
