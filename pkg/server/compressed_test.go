package server

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// dialRaw connects to a server and sends a head and the beginning of a body.
func dialRaw(t *testing.T, s *Server, sent string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", serveRaw(t, s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	tcp, _ := conn.(*net.TCPConn)
	return tcp
}

// TestCompressed_IncompleteMessageIs400: a body that breaks off between two frames or
// members looks whole to a decompressor. It is an incomplete message all the same.
func TestCompressed_IncompleteMessageIs400(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "zstd", "identity"} {
		for _, contentType := range []string{api.TypeJSON, api.TypeLines} {
			for _, framing := range []string{"Content-Length: 5000", "Transfer-Encoding: chunked"} {
				t.Run(coding+" "+contentType+" "+framing, func(t *testing.T) {
					t.Parallel()
					body := compress(t, coding, goodEvent+"\n")
					if framing != "Content-Length: 5000" {
						body = fmt.Sprintf("%x\r\n%s\r\n", len(body), body) // and no last chunk
					}
					conn := dialRaw(t, serverWith(&memory{}), fmt.Sprintf("POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Encoding: %s\r\n%s\r\n\r\n%s",
						contentType, coding, framing, body))
					if err := conn.CloseWrite(); err != nil {
						t.Fatal(err)
					}
					response, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = response.Body.Close() }()
					text, _ := io.ReadAll(response.Body)
					if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "ended early") {
						t.Errorf("got %d %s", response.StatusCode, text)
					}
				})
			}
		}
	}
}

// TestCompressed_LineIsStoredWhenItsMemberIsComplete: an agent that writes one gzip
// member or zstd frame per line must not wait for its next line.
func TestCompressed_LineIsStoredWhenItsMemberIsComplete(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"gzip", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			conn := dialRaw(t, serverWith(m), fmt.Sprintf("POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
				api.TypeLines, coding))
			for i := range 3 {
				member := compress(t, coding, eventWith(fmt.Sprintf("e%d", i))+"\n")
				if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(member), member); err != nil {
					t.Fatal(err)
				}
				suitetest.Eventually(t, fmt.Sprintf("line %d is stored while the stream is open", i), func() bool {
					stats, err := m.Stats(t.Context())
					return err == nil && stats.Stored == int64(i+1)
				})
			}
			if _, err := io.WriteString(conn, "0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("got %v, %v", response, err)
			}
			_ = response.Body.Close()
		})
	}
}

// TestCompressed_EverySequenceOfFrames: frames of any size and order, with and without
// a declared length, as files that were put together are.
func TestCompressed_EverySequenceOfFrames(t *testing.T) {
	t.Parallel()
	small, large := compress(t, "zstd", eventWith("small")+"\n"), compress(t, "zstd", many(3000))
	body := small + large + small + compress(t, "zstd", "") + large
	for _, framing := range []string{"length", "chunked"} {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			sent := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
			if framing == "chunked" {
				sent = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			conn := dialRaw(t, serverWith(&memory{}), "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Encoding: zstd\r\n"+sent)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			text, _ := io.ReadAll(response.Body)
			if response.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), `{"received":6002,`) {
				t.Errorf("got %d %s", response.StatusCode, text)
			}
		})
	}
}

// TestCompressed_Deflate: senders disagree whether deflate has the header of zlib.
func TestCompressed_Deflate(t *testing.T) {
	t.Parallel()
	var withHeader, bare bytes.Buffer
	zlibWriter := zlib.NewWriter(&withHeader)
	flateWriter, err := flate.NewWriter(&bare, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	for _, writer := range []io.WriteCloser{zlibWriter, flateWriter} {
		if _, err := io.WriteString(writer, goodEvent); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		body   string
		status int
	}{
		"with the header of zlib": {withHeader.String(), 200},
		"without it":              {bare.String(), 200},
		"cut off":                 {withHeader.String()[:withHeader.Len()-3], 422},
		"cut off, without it":     {bare.String()[:bare.Len()-3], 422},
		"empty":                   {"", 422},
		"plain text":              {goodEvent, 422},
	} {
		if response := send(serverWith(&memory{}), "POST", "/publish", row.body, "Content-Encoding", "deflate"); response.Code != row.status {
			t.Errorf("%s: got %d %s, want %d", name, response.Code, response.Body, row.status)
		}
	}
}
