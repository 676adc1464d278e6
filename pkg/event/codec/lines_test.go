package codec_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event/codec"
)

// readLines returns what a reader with a limit of 10 bytes makes of a text.
func readLines(t *testing.T, text string, hold func(int) error) []string {
	t.Helper()
	lines := codec.NewLineReader(strings.NewReader(text), 10)
	lines.SetMemoryHook(hold)
	var got []string
	for {
		line, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return got
		case err != nil && !errors.Is(err, codec.ErrLineTooLong):
			return append(got, err.Error())
		case err != nil:
			got = append(got, fmt.Sprintf("%d: too long", lines.Number()))
		default:
			got = append(got, fmt.Sprintf("%d: %s", lines.Number(), line))
		}
	}
}

func TestLineReader(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text string
		want []string
	}{
		"lines":                         {"a\nb\n", []string{"1: a", "2: b"}},
		"the last without an end":       {"a\nb", []string{"1: a", "2: b"}},
		"blank ones count":              {"\n \na\n\n", []string{"3: a"}},
		"other white space is no blank": {"\u00a0\n\u0085\n", []string{"1: \u00a0", "2: \u0085"}},
		"with CR LF":                    {"a\r\nb\r\n", []string{"1: a", "2: b"}},
		"with a byte order mark":        {"\ufeffa\n\ufeffb\n", []string{"1: a", "2: \ufeffb"}},
		"as long as the limit":          {"0123456789\n0123456789\r\n0123456789", []string{"1: 0123456789", "2: 0123456789", "3: 0123456789"}},
		"a byte longer":                 {"0123456789x\na\n0123456789x", []string{"1: too long", "2: a", "3: too long"}},
		"much longer than the buffer":   {strings.Repeat("x", 200_000) + "\na\n", []string{"1: too long", "2: a"}},
		"nothing":                       {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := readLines(t, row.text, nil); !cmp.Equal(got, row.want) {
				t.Errorf("%q: got %q, want %q", row.text, got, row.want)
			}
		})
	}
}

// TestLineReaderAsksForMemory: what a long line takes is asked for, and given
// back after it.
func TestLineReaderTellsHowATextBegins(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, want string }{
		"a line":                  {"abcdef\nx", "abcd"},
		"a short one":             {"[\n{}", "["},
		"behind blank ones":       {"\n \r\n  ab\n", "ab"},
		"behind a mark":           {"\ufeff[]", "[]"},
		"a line beyond the limit": {strings.Repeat("x", 200_000), "xxxx"},
		"nothing":                 {"\n \n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := codec.NewLineReader(strings.NewReader(row.text), 10)
			if got := string(lines.Prefix()); got != "" {
				t.Errorf("before reading it begins with %q", got)
			}
			for {
				if _, err := lines.Next(); errors.Is(err, io.EOF) {
					break
				}
			}
			if got := string(lines.Prefix()); got != row.want {
				t.Errorf("%q begins with %q, want %q", row.text, got, row.want)
			}
		})
	}
}

func TestLineReaderAsksForMemory(t *testing.T) {
	t.Parallel()
	held, most := 0, 0
	lines := codec.NewLineReader(strings.NewReader(strings.Repeat("x", 1<<20)+"\na\nb\n"), 2<<20)
	lines.SetMemoryHook(func(bytes int) error {
		held += bytes
		most = max(most, held)
		return nil
	})
	for range 3 {
		if _, err := lines.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if most < 1<<20 || held != 0 {
		t.Errorf("%d bytes were asked for, and %d are still held", most, held)
	}
	full := errors.New("no more")
	lines = codec.NewLineReader(strings.NewReader(strings.Repeat("x", 1<<20)), 2<<20)
	lines.SetMemoryHook(func(int) error { return full })
	if _, err := lines.Next(); !errors.Is(err, full) {
		t.Errorf("got %v, want what was said when memory was asked for", err)
	}
}
