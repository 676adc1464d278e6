package testdb

import (
	"fmt"
	"os/exec"
	"testing"
)

// Promtool runs promtool, which checks the configuration of Prometheus. The test
// fails if promtool reports a problem.
func Promtool(t testing.TB, args ...string) {
	t.Helper()
	program, err := findPromtool()
	if err != nil {
		skipOrFail(t, "promtool", err)
	}
	if output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, output)
	}
}

func findPromtool() (string, error) {
	program, err := exec.LookPath("promtool")
	if err != nil {
		return "", fmt.Errorf("promtool: %w", errMissing)
	}
	return program, nil
}
