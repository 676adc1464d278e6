package terminal

import (
	"bytes"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/eventagg/eventagg/pkg/api"
)

// IsTerminal reports whether w is a terminal that can overwrite a line. One that
// can't has the name "dumb" in TERM.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return false
	}
	return os.Getenv("TERM") != "dumb" //nolint:forbidigo // a convention of terminals, not a setting
}

// isTTY reports whether w is a terminal of any kind.
func isTTY(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// JSONWriter returns a writer for JSON. If w is a terminal, it escapes characters that
// control it; they are in strings, so the values stay the same. A Write may end within a
// character.
func JSONWriter(w io.Writer) io.Writer {
	if isTTY(w) {
		return &jsonWriter{Writer: w}
	}
	return w
}

type jsonWriter struct {
	io.Writer

	partial []byte // the start of a character whose rest has not been written yet
}

// Write writes text, escaped.
func (w *jsonWriter) Write(text []byte) (int, error) {
	all := slices.Concat(w.partial, text)
	whole := wholeCharacters(all)
	w.partial = bytes.Clone(all[whole:])
	if _, err := io.WriteString(w.Writer, api.PrintableLines(string(all[:whole]))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// wholeCharacters returns the length of text without a character at its end that is
// not complete.
func wholeCharacters(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if at := len(text) - n; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return at
			}
			break
		}
	}
	return len(text)
}

// HasColour reports whether w may be coloured: it is a terminal, and NO_COLOR
// (https://no-color.org) is not set.
func HasColour(w io.Writer) bool {
	return IsTerminal(w) && os.Getenv("NO_COLOR") == "" //nolint:forbidigo // a convention of terminals, not a setting
}

// Width returns the number of columns of a terminal. Other writers have 0.
func Width(w io.Writer) int {
	width, _ := size(w)
	return width
}

// size returns the number of columns and lines of a terminal. Other writers have
// 0 of both.
func size(w io.Writer) (width, height int) {
	file, ok := w.(*os.File)
	if !ok || !IsTerminal(w) {
		return 0, 0
	}
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}
