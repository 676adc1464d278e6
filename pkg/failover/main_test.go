package failover_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// advance lets time pass in a bubble.
func advance(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the bubble's clock
