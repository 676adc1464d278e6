package cmd

import (
	"io"
	"strings"
	"testing"
)

func TestCompletion_OffersTheValuesOfFlags(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"serve --log-level":       "debug info warn error",
		"serve --log-format":      "text json",
		"serve --tls-min-version": "1.2 1.3",
		"serve --broker-ack":      "durable queued",
		"serve --role":            "all api worker",
		"serve --database-pooler": "none transaction",
		"serve --auth-public":     "publish read metrics",
		"key new --scopes":        "publish read metrics admin",
		"stats -o":                "table json",
	} {
		a, out, _ := testApp()
		root := a.newRootCmd()
		root.SetOut(out)
		root.SetErr(io.Discard)
		root.SetArgs(append([]string{"__completeNoDesc"}, append(strings.Fields(command), "")...))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(out.String())
		if got := strings.Join(lines[:max(0, len(lines)-1)], " "); got != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
}
