package failover_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pass lets time pass in a bubble, after every other goroutine is blocked.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the clock of the bubble, not the real one
