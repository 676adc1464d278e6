package cmd_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// checkRefusals sends bodies above the limit, in the way of clients that read nothing
// before they have sent all: the response of the server must arrive, not a 502 of the proxy.
func (p proxy) checkRefusals(t *testing.T) {
	t.Helper()
	const size, senders = 12 << 20, 2
	body := strings.Repeat(" ", size)
	var group sync.WaitGroup
	defer group.Wait()
	for name, request := range map[string]string{
		"with a length": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", size, body),
		"in chunks":     fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body),
	} {
		for range senders {
			group.Go(func() {
				conn, err := p.dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
				if _, err := fmt.Fprintf(conn, "POST /publish HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s", proxyName, request); err != nil {
					t.Errorf("a body %s that is too large can't be sent: %v", name, err)
					return
				}
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Errorf("a body %s that is too large got no response: %v", name, err)
					return
				}
				defer func() { _ = response.Body.Close() }()
				text, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), "limit of") {
					t.Errorf("a body %s that is too large got %d %.200s, %v", name, response.StatusCode, text, err)
				}
			})
		}
	}
}

// dial connects to the proxy, for HTTP/1.1.
func (p proxy) dial() (net.Conn, error) {
	conn, err := net.Dial("tcp", p.address)
	if err != nil || p.scheme == "http" {
		return conn, err
	}
	settings := p.client.Transport.(*http.Transport).TLSClientConfig.Clone() //nolint:forcetypeassert // newProxy made it
	settings.ServerName, settings.NextProtos = proxyName, []string{"http/1.1"}
	return tls.Client(conn, settings), nil
}
