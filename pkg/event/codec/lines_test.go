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

// readLines reads a text with a limit of 10 bytes a line.
func readLines(t *testing.T, text string, hook func(int) error) []string {
	t.Helper()
	lines := codec.NewLineReader(strings.NewReader(text), 10)
	lines.SetMemoryHook(hook)
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

func TestLineReader_ReadsLines(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text string
		want []string
	}{
		"lines":                          {"a\nb\n", []string{"1: a", "2: b"}},
		"the last without a newline":     {"a\nb", []string{"1: a", "2: b"}},
		"blank lines count":              {"\n \na\n\n", []string{"3: a"}},
		"other white space is not blank": {"\u00a0\n\u0085\n", []string{"1: \u00a0", "2: \u0085"}},
		"with CR LF":                     {"a\r\nb\r\n", []string{"1: a", "2: b"}},
		"with a byte order mark":         {"\ufeffa\n\ufeffb\n", []string{"1: a", "2: b"}},
		"as long as the limit":           {"0123456789\n0123456789\r\n0123456789", []string{"1: 0123456789", "2: 0123456789", "3: 0123456789"}},
		"one byte above the limit":       {"0123456789x\na\n0123456789x", []string{"1: too long", "2: a", "3: too long"}},
		"much longer than the buffer":    {strings.Repeat("x", 200_000) + "\na\n", []string{"1: too long", "2: a"}},
		"nothing":                        {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := readLines(t, row.text, nil); !cmp.Equal(got, row.want) {
				t.Errorf("%q: got %q, want %q", row.text, got, row.want)
			}
		})
	}
}

func TestLineReader_PrefixIsTheStartOfTheText(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ text, want string }{
		"a line":                  {"abcdef\nx", "abcd"},
		"a short line":            {"[\n{}", "["},
		"after blank lines":       {"\n \r\n  ab\n", "ab"},
		"after a byte order mark": {"\ufeff[]", "[]"},
		"a line above the limit":  {strings.Repeat("x", 200_000), "xxxx"},
		"nothing":                 {"\n \n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := codec.NewLineReader(strings.NewReader(row.text), 10)
			if got := string(lines.Prefix()); got != "" {
				t.Errorf("before reading the prefix is %q", got)
			}
			for {
				if _, err := lines.Next(); errors.Is(err, io.EOF) {
					break
				}
			}
			if got := string(lines.Prefix()); got != row.want {
				t.Errorf("the prefix of %q is %q, want %q", row.text, got, row.want)
			}
		})
	}
}

// TestLineReader_ReportsItsMemory checks that the reader calls the hook before it
// allocates memory for a long line, and after it releases it.
func TestLineReader_ReportsItsMemory(t *testing.T) {
	t.Parallel()
	used, maximum := 0, 0
	lines := codec.NewLineReader(strings.NewReader(strings.Repeat("x", 1<<20)+"\na\nb\n"), 2<<20)
	lines.SetMemoryHook(func(bytes int) error {
		used += bytes
		maximum = max(maximum, used)
		return nil
	})
	for range 3 {
		if _, err := lines.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if maximum < 1<<20 || used != 0 {
		t.Errorf("at most %d bytes were reported, and %d at the end, want 1 MiB and 0", maximum, used)
	}
	full := errors.New("no more")
	lines = codec.NewLineReader(strings.NewReader(strings.Repeat("x", 1<<20)), 2<<20)
	lines.SetMemoryHook(func(int) error { return full })
	if _, err := lines.Next(); !errors.Is(err, full) {
		t.Errorf("got %v, want what was said when memory was asked for", err)
	}
}
