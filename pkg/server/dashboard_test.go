package server

import (
	"net/http"
	"testing"
)

func TestDashboard_IsCachedByETag(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	first := send(s, http.MethodGet, "/", "", "Range", "bytes=0-9")
	if first.Code != http.StatusOK || first.Header().Get("ETag") == "" || first.Body.Len() < 1000 {
		t.Fatalf("got %d %v, %d bytes", first.Code, first.Header(), first.Body.Len())
	}
	again := send(s, http.MethodGet, "/", "", "If-None-Match", first.Header().Get("ETag"))
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("with the same ETag: %d, %d bytes", again.Code, again.Body.Len())
	}
}
