package cmd

import (
	"bytes"
	"os"
	"testing"

	"github.com/spf13/cobra"
)

func TestOutputFormatTakesTwoNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		json bool
		ok   bool
	}{
		"nothing is a table":   {nil, false, true},
		"a table":              {[]string{"-o", "table"}, false, true},
		"JSON":                 {[]string{"--output=json"}, true, true},
		"another is refused":   {[]string{"-o", "yaml"}, false, false},
		"an empty one as well": {[]string{"--output="}, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var format outputFormat
			cmd := &cobra.Command{}
			format.addFlag(cmd)
			err := cmd.ParseFlags(test.args)
			if (err == nil) != test.ok || format.json() != test.json {
				t.Errorf("format %q, error %v", &format, err)
			}
		})
	}
}

func TestWriteJSONIsForTerminals(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	err := writeJSON(&got, map[string]string{"a": "<&>"})
	if want := "{\n  \"a\": \"<&>\"\n}\n"; err != nil || got.String() != want {
		t.Errorf("wrote %q, %v, expected %q", &got, err, want)
	}
}

func TestOnlyATerminalIsInteractive(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	a, _, errOut := testApp()
	if isTerminal(errOut) || isTerminal(writer) || a.interactive() {
		t.Error("a buffer or a pipe is taken for a terminal")
	}
}
