package cmd

import (
	"encoding/json"
	"errors"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/size"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// outputFormat is the value of -o: "table" for people (the default and the zero
// value) or "json" for programs.
type outputFormat string

// addFlag adds the flag -o to a command that prints a result.
func (f *outputFormat) addFlag(cmd *cobra.Command) {
	*f = "table"
	cmd.Flags().VarP(f, "output", "o", "print the result as table or json")
	// Registering fails only for a flag that doesn't exist.
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

// writeJSON writes v as indented JSON with a line end. It doesn't escape
// characters such as <: terminals and jq read it, not browsers.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(terminal.JSONWriter(w))
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// interactive reports whether standard error may show colours and a progress bar.
func (a *app) interactive() bool { return terminal.HasColour(a.errOut) }

// sizeValue is the value of a flag with a number of bytes, such as 512, 4KiB or 1MB.
type sizeValue int

// String returns the size as the user may write it.
func (v *sizeValue) String() string { return size.Format(int64(*v)) }

// Set parses a size.
func (v *sizeValue) Set(text string) error {
	bytes, ok := size.Parse(text)
	if !ok || bytes > math.MaxInt32 {
		return errors.New("must be a size such as 512, 4KiB or 1MB")
	}
	*v = sizeValue(bytes)
	return nil
}

// Type is the placeholder in help texts.
func (v *sizeValue) Type() string { return "size" }
