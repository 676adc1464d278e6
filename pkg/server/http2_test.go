package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
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
	start := time.Now()
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
	if took := time.Since(start); took > 4*time.Second { // the client sends nothing after the refusal, and no end either
		t.Errorf("the responses ended after %s", took)
	}
}

// TestServer_HTTP2RefusesWithoutAReset: the response arrives before the body does, and
// the rest of the body is read. A reset would hide the response from some clients.
func TestServer_HTTP2RefusesWithoutAReset(t *testing.T) {
	t.Parallel()
	client := dialHTTP2(t, serveRaw(t, serverWith(&memory{})))
	if err := client.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	client.open(t, 1, false, ":method POST", ":path /publish", "content-type text/plain")
	seen := map[string]int{}
	client.readFrames(seen, time.Minute, func() bool { return len(seen) > 0 })
	for i := range 4 {
		if err := client.framer.WriteData(1, i == 3, make([]byte, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	client.readUntilSilent(seen)
	if seen["415"] != 1 || seen["reset"] != 0 {
		t.Errorf("responses and resets: %v, want one 415", seen)
	}
}
