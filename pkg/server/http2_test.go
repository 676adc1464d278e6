package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestServer_SpeaksHTTP2WithPriorKnowledge: clients such as curl
// --http2-prior-knowledge begin with HTTP/2 on a plain connection.
func TestServer_SpeaksHTTP2WithPriorKnowledge(t *testing.T) {
	t.Parallel()
	address := serveRaw(t, serverWith(&memory{}))
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for name, row := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"an event":                 {goodEvent, 200, `"status":"success"`},
		"a body that is too large": {strings.Repeat(" ", 20<<20), 413, "longer than the limit"},
	} {
		response, err := client.Post("http://"+address+"/publish", "application/json", strings.NewReader(row.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.ProtoMajor != 2 || response.StatusCode != row.status || !strings.Contains(string(text), row.want) {
			t.Errorf("%s: got %s %d %s, %v", name, response.Proto, response.StatusCode, text, err)
		}
	}
}
