package cmd_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// After SIGTERM the test sends requests on new connections, as a load balancer does
// until its next health check.
func TestServe_AcceptsRequestsDuringDrainDelay(t *testing.T) {
	t.Parallel()
	const delay = 2 * time.Second
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "e.db"))
	s.serve("--http-drain-delay", delay.String())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	status := func(method, path, body string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("during the delay: %v", err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	ready := func() int { return status(http.MethodGet, "/readyz", "") }
	if got := ready(); got != http.StatusOK {
		t.Fatalf("ready: %d", got)
	}
	signalled := time.Now()
	if err := s.server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for requests := 0; ready() == http.StatusOK; requests++ { // until the signal has arrived; requests fail when the port closes
		if requests > 10_000 {
			t.Fatal("it remains ready")
		}
	}
	const one = `{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}`
	if got := status(http.MethodPost, "/publish", one); got != http.StatusOK {
		t.Errorf("a publish during the delay returned %d", got)
	}
	<-s.drained
	if err := s.server.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	s.server = nil
	if took := time.Since(signalled); took < delay {
		t.Errorf("it served for %v, want %v", took, delay)
	}
}
