package ingest

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pending is how many events and bytes are accepted and not yet answered.
func pending(a *Appender) (events, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queue.events, a.queue.bytes
}
