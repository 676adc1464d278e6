package eventtest_test

import (
	"testing"

	"pgregory.net/rapid"

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
