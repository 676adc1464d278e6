package testdb

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that notes how it was ended.
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

func TestMissingServers(t *testing.T) {
	for _, test := range []struct {
		name, required string
		err            error
		skipped        string // part of the message
		failed         string
	}{
		{"a server that is not installed is left out", "", fmt.Errorf("initdb: %w", errMissing), "run scripts/test", ""},
		{"a server that is required fails the test", "required", fmt.Errorf("initdb: %w", errMissing), "", "not installed"},
		{"a server that does not start fails the test", "", fmt.Errorf("no space left"), "", "no space left"},
	} {
		t.Setenv(envServers, test.required)
		r, done := &recorder{}, make(chan struct{})
		go func() {
			defer close(done)
			unavailable(r, "PostgreSQL", test.err)
		}()
		<-done
		if !strings.Contains(r.skipped, test.skipped) || (r.skipped == "") != (test.skipped == "") ||
			!strings.Contains(r.failed, test.failed) || (r.failed == "") != (test.failed == "") {
			t.Errorf("%s: skipped with %q and failed with %q", test.name, r.skipped, r.failed)
		}
	}
}

func TestAnnouncementNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	missing, broken := fmt.Errorf("initdb: %w", errMissing), errors.New("broken")
	for _, test := range []struct {
		name   string
		looked []lookedFor
		want   string
	}{
		{"nothing is missing", []lookedFor{{"PostgreSQL", nil}, {"Redis", nil}}, ""},
		{"what is broken is no server that is missing", []lookedFor{{"PostgreSQL", broken}, {"Redis", broken}}, ""},
		{"one of several", []lookedFor{{"PostgreSQL", nil}, {"PgBouncer", missing}, {"Redis", nil}}, "need PgBouncer are left out"},
		{"all", []lookedFor{{"PostgreSQL", missing}, {"Redis", missing}, {"promtool", missing}}, "need PostgreSQL or Redis or promtool are left out"},
	} {
		if got := announcement(test.looked); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
