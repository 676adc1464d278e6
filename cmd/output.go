package cmd

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// outputFormat is the value of -o: "table" for people (the default and the zero
// value) or "json" for machines.
type outputFormat string

// addFlag gives a command that prints a result the flag -o.
func (f *outputFormat) addFlag(cmd *cobra.Command) {
	*f = "table"
	cmd.Flags().VarP(f, "output", "o", "format of the result: table or json")
	// The error would be about a flag that doesn't exist.
	_ = cmd.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *outputFormat) json() bool { return *f == "json" }

// String returns the format's name.
func (f *outputFormat) String() string { return string(*f) }

// Set takes a format's name.
func (f *outputFormat) Set(text string) error {
	if text != "table" && text != "json" {
		return errors.New("must be table or json")
	}
	*f = outputFormat(text)
	return nil
}

// Type is the placeholder in help texts.
func (f *outputFormat) Type() string { return "format" }

// writeJSON writes v as indented JSON with a line end. Characters such as < are
// not escaped: this is for terminals and jq, not for HTML.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// isTerminal reports whether w is a terminal, where a line may be overwritten.
// A terminal that can't do that calls itself dumb.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return false
	}
	return os.Getenv("TERM") != "dumb" //nolint:forbidigo // the terminal's own, no setting
}

// interactive reports whether standard error may show colour and a progress
// bar.
func (a *app) interactive() bool { return colourful(a.errOut) }

// colourful reports whether w may be coloured: it is a terminal, and NO_COLOR
// (https://no-color.org) is not set.
func colourful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" //nolint:forbidigo // a convention of terminals, no setting
}
