package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/certs/certstest"
)

// secured is a server with a certificate of a test authority.
type secured struct {
	authority *certstest.Authority
	files     *certs.Server
	address   string
}

func serveTLS(t *testing.T, change ...func(*Options)) secured {
	t.Helper()
	s := secured{authority: certstest.NewAuthority(t), files: certs.NewServer(certs.ServerOptions{})}
	s.replace(t)
	withTLS := func(o *Options) { o.TLS = s.files.Config() }
	s.address = serveRaw(t, serverWith(&memory{}, append(change, withTLS)...))
	return s
}

// replace applies a new certificate.
func (s secured) replace(t *testing.T) {
	t.Helper()
	pair := s.authority.Server()
	if err := s.files.Apply([][]byte{pair.Cert, pair.Key}); err != nil {
		t.Error(err)
	}
}

// client returns a client that speaks only HTTP/1.1 or only HTTP/2.
func (s secured) client(t *testing.T, major int) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(major == 1)
	protocols.SetHTTP2(major == 2)
	transport := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: s.authority.Pool(), MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestServer_SpeaksBothVersionsOverTLS(t *testing.T) {
	t.Parallel()
	s := serveTLS(t)
	for _, major := range []int{1, 2} {
		client := s.client(t, major)
		for name, row := range map[string]struct {
			method, path, kind, body string
			status                   int
			want                     string
		}{
			"an event":                      {http.MethodPost, "/publish", "application/json", goodEvent, 200, `"topic":`},
			"lines":                         {http.MethodPost, "/publish", "application/x-ndjson", goodEvent + "\n" + goodEvent + "\n", 200, `"received":2`},
			"a body that is too large":      {http.MethodPost, "/publish", "application/json", strings.Repeat(" ", 20<<20), 413, "longer than the limit"},
			"a media type that is unknown":  {http.MethodPost, "/publish", "text/csv", strings.Repeat("a,b\n", 1<<20), 415, "text/csv"},
			"reading":                       {http.MethodGet, "/events", "", "", 200, "["},
			"a public name, without a list": {http.MethodGet, "/healthz", "", "", 200, "ok"},
		} {
			request, err := http.NewRequest(row.method, "https://"+s.address+row.path, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Host = "events.example.org"
			request.Header.Set("Content-Type", row.kind)
			response, err := client.Do(request)
			if err != nil {
				t.Errorf("HTTP/%d: %s: %v", major, name, err)
				continue
			}
			text, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || response.ProtoMajor != major || response.StatusCode != row.status || !strings.Contains(string(text), row.want) {
				t.Errorf("HTTP/%d: %s: got %s %d %s, %v", major, name, response.Proto, response.StatusCode, text, err)
			}
		}
	}
}

// Many event streams and requests share one connection of HTTP/2.
func TestServer_FollowsAndPublishesOnOneConnectionOfHTTP2(t *testing.T) {
	t.Parallel()
	s := serveTLS(t)
	client := s.client(t, 2)
	const followers = 20
	var lines [followers]*bufio.Scanner
	for i := range lines {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.address+"/events/stream", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil || response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
			t.Fatalf("follower %d: %v %v", i, response, err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		lines[i] = bufio.NewScanner(response.Body)
		lines[i].Scan() // the first line says that it follows
	}
	response, err := client.Post("https://"+s.address+"/publish", "application/json", strings.NewReader(goodEvent))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	for i, line := range lines {
		for line.Scan() && !strings.HasPrefix(line.Text(), "data:") {
			continue
		}
		if !strings.Contains(line.Text(), `"topic"`) {
			t.Errorf("follower %d got %q, %v", i, line.Text(), line.Err())
		}
	}
}

// A line is stored while the request goes on.
func TestServer_StoresLinesAsTheyArriveOverTLS(t *testing.T) {
	t.Parallel()
	for _, major := range []int{1, 2} {
		store := &memory{}
		s := serveTLS(t, func(o *Options) { o.Appender, o.Store = store, store })
		reader, writer := io.Pipe()
		done := make(chan error, 1)
		client := s.client(t, major)
		go func() {
			response, err := client.Post("https://"+s.address+"/publish", "application/x-ndjson", reader)
			if err == nil {
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					err = fmt.Errorf("status %d", response.StatusCode)
				}
			}
			done <- err
		}()
		if _, err := io.WriteString(writer, goodEvent+"\n"); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool {
			stats, _ := store.Stats(t.Context())
			return stats.Stored == 1
		})
		_ = writer.Close()
		if err := <-done; err != nil {
			t.Errorf("HTTP/%d: %v", major, err)
		}
	}
}

// eventually waits until a condition is true.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatal("the condition did not become true")
		case <-tick.C:
		}
	}
}

// TestServer_ReplacesTheCertificateUnderLoad: no request fails, and new connections get
// the new certificate.
func TestServer_ReplacesTheCertificateUnderLoad(t *testing.T) {
	t.Parallel()
	s := serveTLS(t)
	var (
		senders sync.WaitGroup
		stop    atomic.Bool
		sent    atomic.Int64
		serials sync.Map
	)
	for range 4 {
		client := s.client(t, 1)
		senders.Go(func() {
			for i := 0; !stop.Load(); i++ {
				response, err := client.Post("https://"+s.address+"/publish", "application/json", strings.NewReader(goodEvent))
				if err != nil {
					t.Errorf("request %d: %v", i, err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("request %d: status %d", i, response.StatusCode)
				}
				serials.Store(response.TLS.PeerCertificates[0].SerialNumber.String(), true)
				sent.Add(1)
				if i%10 == 9 {
					client.CloseIdleConnections()
				}
			}
		})
	}
	const replacements = 20
	for i := range replacements {
		eventually(t, func() bool { return sent.Load() > int64(i)*50 })
		s.replace(t)
	}
	eventually(t, func() bool { return sent.Load() > replacements*50+100 })
	stop.Store(true)
	senders.Wait()
	seen := 0
	serials.Range(func(any, any) bool { seen++; return true })
	if seen < replacements/2 {
		t.Errorf("clients saw only %d of %d certificates", seen, replacements)
	}
}

func TestServer_PlainClientsOnThePortOfTLS(t *testing.T) {
	t.Parallel()
	s := serveTLS(t)
	for name, row := range map[string]struct{ request, want string }{
		"HTTP/1.1":                    {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"},
		"HTTP/2 with prior knowledge": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""},
	} {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, row.request)
		text, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !strings.Contains(string(text), row.want) || strings.Contains(string(text), "200 OK") {
			t.Errorf("%s: got %q", name, text)
		}
	}
}

// The reserve of descriptors for health checks works on connections with TLS, too.
func TestServer_ServesHealthOverTLSIfDescriptorsRunShort(t *testing.T) {
	t.Parallel()
	authority := certstest.NewAuthority(t)
	pair, files := authority.Server(), certs.NewServer(certs.ServerOptions{})
	if err := files.Apply([][]byte{pair.Cert, pair.Key}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := New(Options{Store: noStore{}, TLS: files.Config(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ended := make(chan error, 1)
	go func() { ended <- s.http.ServeTLS(s.limitConnections(listener, 1), "", "") }()
	client := secured{authority: authority}.client(t, 1)
	for path, status := range map[string]int{"/healthz": http.StatusOK, "/nowhere": http.StatusServiceUnavailable} {
		response, err := client.Get("https://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-ended
}
