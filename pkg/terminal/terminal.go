package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
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
