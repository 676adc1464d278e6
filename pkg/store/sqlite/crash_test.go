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

// envCrash tells the test binary to be the process that is killed: the path of
// the database.
const envCrash = "EVENTAGG_TEST_CRASH"

// TestWriterProcess is the other process of the test below, and nothing in a
// normal run.
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
		fmt.Printf("\nanswered %d\n", round) //nolint:forbidigo // read by the other process
	}
}

func crashBatch(round int) []event.Event {
	batch := make([]event.Event, 10)
	for i := range batch {
		batch[i] = newEvent(fmt.Sprintf("%d/%d", round, i))
	}
	return batch
}

// A process that is killed in the middle of its work leaves every append that
// was answered, none by half, and counters that are exact.
func TestKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	file := newPath(t)
	beside := open(t, Options{Path: file}) // a second process works on through the crash
	for range 3 {
		last := runAndKill(t, file, 20)
		for round := range last + 1 {
			for _, e := range crashBatch(round) {
				if _, err := beside.Event(t.Context(), e.Key()); err != nil {
					t.Fatalf("an event that was answered in round %d of %d: %v", round, last, err)
				}
			}
		}
		if _, err := beside.Append(t.Context(), crashBatch(0)); err != nil {
			t.Errorf("append beside a killed process: %v", err)
		}
	}
	stats, err := beside.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows, duplicates int64
	if err := beside.readers.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	duplicates = stats.Received - rows
	if stats.Unique != rows || stats.Duplicates != duplicates || rows%10 != 0 || stats.Received%10 != 0 {
		t.Errorf("counted %+v with %d rows in batches of ten", stats, rows)
	}
}

// runAndKill starts a process that appends, waits until some appends have been
// answered, kills it, and returns the last round that was answered.
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
	var other strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "answered %d", &last); err != nil {
			other.WriteString(lines.Text() + "\n")
			continue
		}
		seen++
		if seen == rounds {
			kill() // and read what it has said until then
		}
	}
	if err := cmd.Wait(); seen < rounds {
		t.Fatalf("the process ended by itself: %v\n%s", err, other.String())
	}
	return last
}
