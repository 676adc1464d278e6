package eventtest_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

func TestEveryDrawnEventIsValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := eventtest.Events().Draw(t, "event")
		if err := e.Validate(); err != nil {
			t.Fatalf("%v\n%+v", err, e)
		}
	})
}

// TestSeedsAreForBothSides: seeds that are all accepted, or all refused, would
// try one half of a decoder.
func TestSeedsAreForBothSides(t *testing.T) {
	t.Parallel()
	accepted, refused := 0, 0
	for _, seed := range eventtest.Seeds() {
		if _, err := codec.Decode([]byte(seed)); err != nil {
			refused++
		} else {
			accepted++
		}
	}
	if few := 100; accepted < few || refused < few {
		t.Errorf("%d seeds are accepted and %d refused, want %d of each", accepted, refused, few)
	}
}
