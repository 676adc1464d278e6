package client

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/certs/certstest"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// every calls each kind of request of a client, and returns their errors.
func every(t *testing.T, c *Client) map[string]error {
	t.Helper()
	_, errAppend := c.Append(t.Context(), []event.Event{someEvent("a")})
	_, errRead := c.Totals(t.Context())
	errFollow := c.Follow(t.Context(), store.Filter{}, 0, time.Second, func(store.Record) error { return nil })
	return map[string]error{"append": errAppend, "read": errRead, "follow": errFollow}
}

// A wrong certificate is not retried, and the error says what to do.
func TestClient_ExplainsCertificates(t *testing.T) {
	t.Parallel()
	authority, other := certstest.NewAuthority(t), certstest.NewAuthority(t)
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	elsewhere := func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"events.example.org"}, nil }
	for _, row := range []struct {
		name   string
		server certstest.Pair
		client *tls.Config // without authorities
		change func(*tls.Config)
		pool   *x509.CertPool
		want   string
	}{
		{"an unknown authority", authority.Server(), nil, nil, other.Pool(), "set client.ca"},
		{"another host", authority.Server(elsewhere), nil, nil, authority.Pool(), "is not for 127.0.0.1, but for events.example.org"},
		{"an expired certificate", authority.Server(expired), nil, nil, authority.Pool(), "renew it"},
		{"a client certificate is required", authority.Server(), nil, clientsOf(authority), authority.Pool(), "set client.cert and client.key"},
		{"a client certificate of another authority", authority.Server(), withClient(t, other), clientsOf(authority), authority.Pool(), "tls.client_ca"},
		{"an old version of TLS", authority.Server(), &tls.Config{MaxVersion: tls.VersionTLS12}, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, authority.Pool(), "tls.min_version"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := secureServer(t, row.server, row.change)
			config := row.client
			if config == nil {
				config = &tls.Config{}
			}
			config.RootCAs = row.pool
			c := newClient(t, Options{URL: server.URL, TLS: config})
			for name, err := range every(t, c) {
				if err == nil || store.Temporary(err) || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "x509: ") {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// clientsOf makes a server require client certificates.
func clientsOf(authority *certstest.Authority) func(*tls.Config) {
	return func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, authority.Pool() }
}

// withClient returns the configuration of a client with a certificate.
func withClient(t *testing.T, authority *certstest.Authority) *tls.Config {
	t.Helper()
	cert, key := authority.Client("me", "").Write(t, t.TempDir(), "me")
	config, err := certs.ClientFiles{Cert: cert, Key: key}.Config()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func secureServer(t *testing.T, pair certstest.Pair, change func(*tls.Config)) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case api.PathPublish:
			_, _ = fmt.Fprint(w, `{"status":"success","topic":"t"}`)
		case api.PathStats:
			_, _ = fmt.Fprint(w, `{"received":1}`)
		default:
			w.WriteHeader(http.StatusForbidden) // a stream that ends
		}
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	certificate, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func newClient(t *testing.T, options Options) *Client {
	t.Helper()
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestClient_SendsItsCertificate(t *testing.T) {
	t.Parallel()
	authority := certstest.NewAuthority(t)
	config := withClient(t, authority)
	config.RootCAs = authority.Pool()
	c := newClient(t, Options{URL: secureServer(t, authority.Server(), clientsOf(authority)).URL, TLS: config})
	errs := every(t, c)
	if errs["append"] != nil || errs["read"] != nil || !strings.Contains(errs["follow"].Error(), "403") {
		t.Errorf("%v", errs)
	}
}

// A connection with TLS is reused, also after it was idle: then a goroutine reads from it
// until the next request.
func TestClient_ReusesConnectionsWithTLS(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		authority := certstest.NewAuthority(t)
		var connections sync.Map
		server := secureServer(t, authority.Server(), func(c *tls.Config) { c.MaxVersion = version })
		inner := server.Config.Handler
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			connections.Store(r.RemoteAddr, true)
			inner.ServeHTTP(w, r)
		})
		c := newClient(t, Options{URL: server.URL, TLS: &tls.Config{RootCAs: authority.Pool()}})
		for range 20 {
			if _, err := c.Append(t.Context(), []event.Event{someEvent("a")}); err != nil {
				t.Fatal(err)
			}
		}
		used := 0
		connections.Range(func(any, any) bool { used++; return true })
		if used != 1 {
			t.Errorf("version %x: %d connections", version, used)
		}
	}
}

func TestClient_PlainAndTLSMixedUp(t *testing.T) {
	t.Parallel()
	authority := certstest.NewAuthority(t)
	secure := secureServer(t, authority.Server(), nil)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, err := range every(t, newClient(t, Options{URL: strings.Replace(secure.URL, "https", "http", 1)})) {
		if err == nil || store.Temporary(err) || ForeignServer(err) || !strings.Contains(err.Error(), "use https://") {
			t.Errorf("http to a port with TLS: %s: %v", name, err)
		}
	}
	for name, err := range every(t, newClient(t, Options{URL: strings.Replace(plain.URL, "http", "https", 1)})) {
		if err == nil || store.Temporary(err) || !strings.Contains(err.Error(), "use http://") {
			t.Errorf("https to a port without TLS: %s: %v", name, err)
		}
	}
}

func TestClient_Key(t *testing.T) {
	t.Parallel()
	key := auth.NewKey()
	var got sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.URL.Path, r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", api.TypeProblem)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"type":"urn:eventagg:problem:unauthenticated","status":401,"detail":"Send a key."}`)
	}))
	t.Cleanup(server.Close)
	c := newClient(t, Options{URL: server.URL, Key: key})
	for name, err := range every(t, c) {
		if err == nil || store.Temporary(err) || !strings.Contains(err.Error(), "401 Unauthorized: Send a key.") || strings.Contains(err.Error(), key.Reveal()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{api.PathPublish, api.PathStats, api.PathEvents} {
		if sent, _ := got.Load(path); sent != "Bearer "+key.Reveal() {
			t.Errorf("%s: wrong or no key", path)
		}
	}
}

func TestNew_KeepsTheKeyOffTheNetwork(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		url      string
		insecure bool
		ok       bool
	}{
		{"http://127.0.0.1:8000", false, true},
		{"http://127.1.2.3:8000", false, true},
		{"http://[::1]:8000", false, true},
		{"http://localhost:8000", false, true},
		{"https://events.example.org", false, true},
		{"http://events.example.org", false, false},
		{"http://balancer:8000", false, false},
		{"http://10.0.0.1", false, false},
		{"http://localhost.example.org", false, false},
		{"http://events.example.org", true, true},
	} {
		c, err := New(Options{URL: row.url, Key: auth.NewKey(), InsecureHTTP: row.insecure})
		if (err == nil) != row.ok {
			t.Errorf("%s, insecure %v: %v", row.url, row.insecure, err)
		}
		if err == nil {
			c.Close()
		}
	}
}
