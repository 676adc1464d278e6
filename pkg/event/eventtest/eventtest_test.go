package eventtest_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

func TestEvents_AreValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := eventtest.Events().Draw(t, "event")
		if err := e.Validate(); err != nil {
			t.Fatalf("%v\n%+v", err, e)
		}
	})
}

// TestSeeds_AreValidAndInvalid checks that seeds test both results of a decoder.
func TestSeeds_AreValidAndInvalid(t *testing.T) {
	t.Parallel()
	valid, invalid := 0, 0
	for _, seed := range eventtest.Seeds() {
		if _, err := codec.Decode([]byte(seed)); err != nil {
			invalid++
		} else {
			valid++
		}
	}
	if least := 100; valid < least || invalid < least {
		t.Errorf("%d seeds are valid and %d invalid, want at least %d of each", valid, invalid, least)
	}
}
