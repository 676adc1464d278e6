package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

// envCrash makes the test binary the process that is killed. It is the path of the
// database.
const envCrash = "EVENTAGG_TEST_CRASH"

// TestWriterProcess is the process that TestAppend_SurvivesKilledProcess kills. It
// does nothing in a normal run.
func TestWriterProcess(t *testing.T) {
	file := os.Getenv(envCrash)
	if file == "" {
		return
	}
	s := open(t, Options{Path: file})
	for round := 0; ; round++ {
		batch := crashBatch(round)
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("\nstored %d\n", round) //nolint:forbidigo // read by the other process
	}
}

func crashBatch(round int) []event.Event {
	batch := make([]event.Event, 10)
	for i := range batch {
		batch[i] = newEvent(fmt.Sprintf("%d/%d", round, i))
	}
	return batch
}

// TestAppend_SurvivesKilledProcess kills a process that appends. Every append that
// returned is stored, no append is stored in part, and the counters are exact.
func TestAppend_SurvivesKilledProcess(t *testing.T) {
	t.Parallel()
	file := newPath(t)
	other := open(t, Options{Path: file}) // a second process works during the crash
	for range 3 {
		last := runAndKill(t, file, 20)
		for round := range last + 1 {
			for _, e := range crashBatch(round) {
				if _, err := other.Event(t.Context(), e.Key()); err != nil {
					t.Fatalf("an event of round %d of %d is missing: %v", round, last, err)
				}
			}
		}
		if _, err := other.Append(t.Context(), crashBatch(0)); err != nil {
			t.Errorf("append after the kill: %v", err)
		}
	}
	stats, err := other.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows, duplicates int64
	if err := other.readers.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	duplicates = stats.Received - rows
	if stats.Stored != rows || stats.Duplicates != duplicates || rows%10 != 0 || stats.Received%10 != 0 {
		t.Errorf("counted %+v with %d rows in batches of ten", stats, rows)
	}
}

// runAndKill starts a process that appends, kills it after some appends, and returns
// the last round that was stored.
func runAndKill(t *testing.T, file string, rounds int) int {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestWriterProcess$")
	cmd.Env = append(os.Environ(), envCrash+"="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last, seen := -1, 0
	var rest strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "stored %d", &last); err != nil {
			rest.WriteString(lines.Text() + "\n")
			continue
		}
		seen++
		if seen == rounds {
			kill() // and read the rest of its output
		}
	}
	if err := cmd.Wait(); seen < rounds {
		t.Fatalf("the process ended by itself: %v\n%s", err, rest.String())
	}
	return last
}
