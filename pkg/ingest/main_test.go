package ingest

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pending returns the accepted events and bytes without a result.
func pending(a *Appender) (events, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queue.events, a.queue.bytes
}
