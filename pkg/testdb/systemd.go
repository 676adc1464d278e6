package testdb

import (
	"fmt"
	"os/exec"
	"testing"
)

// SystemdAnalyze runs systemd-analyze, which checks unit files. The test fails if
// systemd-analyze reports a problem.
func SystemdAnalyze(t testing.TB, args ...string) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		skipOrFail(t, "systemd", fmt.Errorf("systemd-analyze: %w", errMissing))
	}
	if output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze %q: %v\n%s", args, err, output)
	}
}
