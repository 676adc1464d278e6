package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestQueue_TLS(t *testing.T) {
	t.Parallel()
	roots, settings, port := serveTLS(t)
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Settings: settings})
	parsed, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	parsed.Scheme, parsed.Host = "rediss", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	roundTrip(t, open(t, Options{URL: parsed.String(), RootCAs: roots}))
	for name, q := range map[string]*Queue{
		"a server with an untrusted certificate": open(t, Options{URL: parsed.String(), RootCAs: x509.NewCertPool()}),
		"a server with another name":             open(t, Options{URL: fmt.Sprintf("rediss://localhost:%d", port), RootCAs: roots}),
		"a server without TLS on its address":    open(t, Options{URL: "rediss" + server.URL()[len("redis"):], RootCAs: roots, Timeout: time.Second}),
	} {
		_, err := q.Append(t.Context(), []event.Event{newEvent("a")})
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) {
			t.Errorf("%s: %v, want ErrUnavailable and ErrNotReached", name, err)
		}
	}
}

// serveTLS returns a certificate for 127.0.0.1 and the settings of Redis for it.
func serveTLS(t *testing.T) (roots *x509.CertPool, settings map[string]string, port int) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := sharedFolder(t, 0o755)
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificatePath := write("cert.pem", "CERTIFICATE", certificate)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil || !ok {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	return roots, map[string]string{
		"tls-port": strconv.Itoa(address.Port), "tls-cert-file": certificatePath, "tls-key-file": write("key.pem", "PRIVATE KEY", private),
		"tls-ca-cert-file": certificatePath, "tls-auth-clients": "no",
	}, address.Port
}
