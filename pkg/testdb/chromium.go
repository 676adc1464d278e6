package testdb

import (
	"fmt"
	"os/exec"
	"testing"
)

// Chromium returns the path of a browser for tests of pages. The test starts and
// stops the browser itself.
func Chromium(t testing.TB) string {
	t.Helper()
	program, err := findChromium()
	if err != nil {
		skipOrFail(t, "Chromium", err)
	}
	return program
}

func findChromium() (string, error) {
	// The shell has no user interface, and takes half the CPU time of the whole browser.
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("chromium: %w", errMissing)
}
