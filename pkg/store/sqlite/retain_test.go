package sqlite

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestRetain_MakesTheFileShorter drops most of a file. Another start finds the rest.
func TestRetain_MakesTheFileShorter(t *testing.T) {
	t.Parallel()
	clock := newTestClock(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	s := openNew(t, Options{Now: clock.now})
	var batch []event.Event
	for i := range 4000 {
		e := newEvent("old " + string(rune('a'+i%26)) + time.Duration(i).String())
		e.Payload = `{"x":"` + strings.Repeat("x", 1000) + `"}`
		batch = append(batch, e)
	}
	if _, err := s.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	clock.set(clock.now().Add(time.Hour))
	if _, err := s.Append(t.Context(), []event.Event{newEvent("new")}); err != nil {
		t.Fatal(err)
	}
	before := sizeOf(t, s)
	for more := true; more; {
		step, err := s.Retain(t.Context(), store.Retention{DataBefore: clock.now()})
		if more = step.More; err != nil {
			t.Fatal(err)
		}
	}
	if after := sizeOf(t, s); after > before/3 {
		t.Errorf("the file has %d bytes after %d", after, before)
	}
	again := open(t, Options{Path: s.path})
	if stats, err := again.Stats(t.Context()); err != nil || stats.Stored != 4001 || stats.Kept != 1 {
		t.Errorf("counted %+v, %v", stats, err)
	}
}

// sizeOf returns the size of the file with everything in it.
func sizeOf(t *testing.T, s *Store) int64 {
	t.Helper()
	if err := s.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return file.Size()
}

// TestRetain_KeepsWhatIsAfterAWrongTime has an event with a time in the future. It and
// the old ones after it stay: a wrong clock must not drop data.
func TestRetain_KeepsWhatIsAfterAWrongTime(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	clock := newTestClock(start)
	s := openNew(t, Options{Now: clock.now})
	for i, at := range []time.Duration{0, 0, 48 * time.Hour, 0, 0} {
		clock.set(start.Add(time.Duration(i)*time.Second + at))
		if _, err := s.Append(t.Context(), []event.Event{newEvent(time.Duration(i).String())}); err != nil {
			t.Fatal(err)
		}
	}
	step, err := s.Retain(t.Context(), store.Retention{DataBefore: clock.now().Add(time.Hour)})
	if err != nil || step.Events != 2 {
		t.Errorf("dropped %+v, %v, want 2 events", step, err)
	}
}
