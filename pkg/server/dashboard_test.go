package server

import (
	"net/http"
	"testing"
)

func TestTheDashboardIsSentOnce(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	first := ask(s, http.MethodGet, "/", "", "Range", "bytes=0-9")
	if first.Code != http.StatusOK || first.Header().Get("ETag") == "" || first.Body.Len() < 1000 {
		t.Fatalf("answered %d %v, %d bytes", first.Code, first.Header(), first.Body.Len())
	}
	again := ask(s, http.MethodGet, "/", "", "If-None-Match", first.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("to who has it: %d, %d bytes", again.Code, again.Body.Len())
	}
}
