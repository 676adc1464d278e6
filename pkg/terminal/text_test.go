package terminal

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"
)

func TestShorten_StaysWithinColumns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		columns := rapid.IntRange(1, 60).Draw(t, "columns")
		got := shorten(text, columns)
		kept, cut := strings.CutSuffix(got, "…")
		if got == text {
			return
		}
		if !cut || !strings.HasPrefix(text, kept) || uniseg.StringWidth(kept) >= columns {
			t.Errorf("%q in %d columns became %q", text, columns, got)
		}
	})
}

func TestPrintable_EscapesOnlyUnsafeCharacters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune{0x1b, 0x7f, 0x9b, '\n', '\r', '\t', 0x202e, 0x2066, 0x2028, 'a', 'é'}))).Draw(t, "text")
		got := Printable(text)
		if strings.ContainsFunc(got, unprintable) || !utf8.ValidString(got) {
			t.Errorf("%q became %q", text, got)
		}
		if !strings.ContainsFunc(text, unprintable) && got != text {
			t.Errorf("%q was changed to %q", text, got)
		}
	})
}

func TestIsTerminal_RejectsBuffersAndPipes(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	if IsTerminal(new(bytes.Buffer)) || IsTerminal(writer) || HasColour(writer) || Width(writer) != 0 {
		t.Error("a buffer or a pipe is taken for a terminal")
	}
}
