package event_test

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

func TestTally_CountsEachOutcome(t *testing.T) {
	t.Parallel()
	tally := event.Tally{Invalid: 1}
	before := tally
	for _, outcome := range []event.Outcome{
		event.Stored, event.Stored, event.Stored, event.Duplicate, event.Duplicate, event.Queued, event.Rejected, event.TopicRefused, 0,
	} {
		tally.Count(outcome)
	}
	want := event.Tally{Stored: 3, Duplicate: 2, Queued: 1, Invalid: 1, Rejected: 2}
	if tally != want {
		t.Errorf("got %+v, want %+v", tally, want)
	}
	if accepted, refused := tally.Accepted(), tally.Refused(); accepted != 6 || refused != 3 {
		t.Errorf("accepted %d and refused %d, want 6 and 3", accepted, refused)
	}
	if sum := tally.Sub(before).Add(before); sum != tally {
		t.Errorf("minus and plus the same tally it is %+v, want %+v", sum, tally)
	}
}
