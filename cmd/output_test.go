package cmd

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"
)

func TestOutputFormat_TakesTableAndJSON(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		json bool
		ok   bool
	}{
		"default": {nil, false, true},
		"table":   {[]string{"-o", "table"}, false, true},
		"JSON":    {[]string{"--output=json"}, true, true},
		"another": {[]string{"-o", "yaml"}, false, false},
		"empty":   {[]string{"--output="}, false, false},
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

func TestWriteJSON_DoesNotEscapeHTML(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	err := writeJSON(&got, map[string]string{"a": "<&>"})
	if want := "{\n  \"a\": \"<&>\"\n}\n"; err != nil || got.String() != want {
		t.Errorf("wrote %q, %v, expected %q", &got, err, want)
	}
}
