package suitetest

import (
	"log/slog"
	"testing"
)

func TestLog_CollectsLines(t *testing.T) {
	t.Parallel()
	var log Log
	if log.Lines() != 0 {
		t.Errorf("a new log has %d lines, want 0", log.Lines())
	}
	log.Logger().Info("first")
	log.Logger().Warn("second", slog.String("key", "value"))
	if got := log.Lines(); got != 2 {
		t.Errorf("%d lines, want 2:\n%s", got, log.String())
	}
}
