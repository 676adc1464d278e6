package cmd_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// The test exports from one server into another.
func TestExport_CopiesStore(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { t.Helper(); return "sqlite:" + filepath.Join(t.TempDir(), "events.db") },
		"PostgreSQL": func(t *testing.T) string { t.Helper(); return testdb.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := newStage(t, database(t)), newStage(t, database(t))
			from.serve()
			to.serve()
			dir := t.TempDir()
			hostile := filepath.Join(dir, "hostile.ndjson")
			if err := os.WriteFile(hostile, hostileLines(), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, "publish", "--url", "http://"+from.addr, "--count", "3000", "--dup-rate", "0.2", "--batch-size", "500")
			run(t, "publish", "--url", "http://"+from.addr, "--file", hostile)
			file := filepath.Join(dir, "all.ndjson")
			run(t, "export", "--url", "http://"+from.addr, "--out", file)
			run(t, "publish", "--url", "http://"+to.addr, "--file", file, "--batch-size", "700")
			want, got := storedIn(t, from), storedIn(t, to)
			if diff := cmp.Diff(want, got); diff != "" || len(want) < 2400 {
				t.Errorf("%d events: %s", len(want), diff)
			}
		})
	}
}

// hostileLines returns events with characters and numbers that are easily damaged.
func hostileLines() []byte {
	var lines []byte
	for _, e := range []event.Event{
		{Topic: "a/b?c#d", ID: `"\ %2F`, Source: "日本\u202e", Payload: `{"n":1.500,"big":123456789012345678901234567890,"s":"\u0001<&>\n\u2028"}`},
		{Topic: " t ", ID: ".", Source: "s", Payload: `{"b":1,"a":{"z":[],"y":1E5}}`},
	} {
		e.Timestamp = time.Date(2025, 12, 19, 12, 0, 0, 123456000, time.UTC)
		lines = append(codec.Append(lines, e), '\n')
	}
	return lines
}

// run runs eventagg, which must succeed, and returns its standard output.
func run(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, errOut bytes.Buffer
	command := exec.CommandContext(t.Context(), "eventagg", args...)
	command.Dir, command.Stdout, command.Stderr = t.TempDir(), &out, &errOut
	if err := command.Run(); err != nil {
		t.Fatalf("eventagg %s: %v\n%s", strings.Join(args, " "), err, &errOut)
	}
	return out.Bytes()
}

// storedIn returns all events of a server without created_at, sorted.
func storedIn(t *testing.T, s *stage) []string {
	t.Helper()
	var all []string
	for line := range bytes.Lines(run(t, "tail", "--url", "http://"+s.addr, "--limit", "100000", "-o", "json")) {
		e, err := codec.Decode(bytes.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(codec.Append(nil, e)))
	}
	slices.Sort(all)
	return all
}
