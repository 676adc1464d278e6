package testdb

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that records how it ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestSkipOrFail(t *testing.T) {
	for _, test := range []struct {
		name, required string
		err            error
		skipped        string // part of the message
		failed         string
	}{
		{"a program that is not installed skips the test", "", fmt.Errorf("initdb: %w", errMissing), "scripts/test", ""},
		{"a required program that is not installed fails the test", "required", fmt.Errorf("initdb: %w", errMissing), "", "not installed"},
		{"a server that does not start fails the test", "", fmt.Errorf("no space left"), "", "no space left"},
	} {
		t.Setenv(envServers, test.required)
		r, done := &recorder{}, make(chan struct{})
		go func() {
			defer close(done)
			skipOrFail(r, "PostgreSQL", test.err)
		}()
		<-done
		if !strings.Contains(r.skipped, test.skipped) || (r.skipped == "") != (test.skipped == "") ||
			!strings.Contains(r.failed, test.failed) || (r.failed == "") != (test.failed == "") {
			t.Errorf("%s: skipped with %q and failed with %q", test.name, r.skipped, r.failed)
		}
	}
}
