package certs_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/certs/certstest"
)

func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func TestServer_ApplyReplacesAllOrNothing(t *testing.T) {
	t.Parallel()
	authority := certstest.NewAuthority(t)
	first, second := authority.Server(), authority.Server()
	for _, row := range []struct {
		name     string
		contents [][]byte
		want     string // of the error; "" for none
	}{
		{"another pair", [][]byte{second.Cert, second.Key}, ""},
		{"with authorities of clients", [][]byte{second.Cert, second.Key, authority.PEM()}, ""},
		{"the key of another certificate", [][]byte{second.Cert, first.Key}, "private key does not match public key"},
		{"only the certificate was replaced", [][]byte{first.Cert, second.Key}, "private key does not match public key"},
		{"an empty file", [][]byte{nil, second.Key}, "failed to find any PEM data"},
		{"half a file", [][]byte{second.Cert[:len(second.Cert)/2], second.Key}, "failed to find any PEM data"},
		{"files in wrong order", [][]byte{second.Key, second.Cert}, "can't be used"},
		{"an encrypted key", [][]byte{second.Cert, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})}, "remove its passphrase"},
		{"an expired certificate", pairOf(authority.Server(expired)), "has expired on"},
		{"a certificate of a client", pairOf(authority.Client("me", "spiffe://example.org/me")), "must include serverAuth"},
		{"a certificate without a host", pairOf(authority.Client("me", "")), "names no host"},
		{"no authority of clients", [][]byte{second.Cert, second.Key, nil}, "has no certificate in PEM format"},
		{"a key in place of an authority", [][]byte{second.Cert, second.Key, second.Key}, `there is a block "PRIVATE KEY"`},
	} {
		s := certs.NewServer(certs.ServerOptions{})
		if err := s.Apply([][]byte{first.Cert, first.Key}); err != nil {
			t.Fatal(err)
		}
		config := s.Config()
		before, _ := config.GetConfigForClient(nil)
		err := s.Apply(row.contents)
		after, _ := config.GetConfigForClient(nil)
		if (row.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, expected %q", row.name, err, row.want)
		}
		if (before == after) != (row.want != "") {
			t.Errorf("%s: replaced %v", row.name, before != after)
		}
	}
}

func pairOf(p certstest.Pair) [][]byte { return [][]byte{p.Cert, p.Key} }

// A server must start with an expired certificate: some clients may not verify it, and
// an instance that does not start helps none.
func TestServer_WarnsOfAnExpiredCertificateAtTheStart(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := certs.NewServer(certs.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !s.NotAfter().IsZero() {
		t.Error("there is a time without a certificate")
	}
	if err := s.Apply(pairOf(certstest.NewAuthority(t).Server(expired))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "TLS certificate has expired") || !s.NotAfter().Before(time.Now()) {
		t.Errorf("expires %v, logged %q", s.NotAfter(), &log)
	}
}

func TestServer_Handshake(t *testing.T) {
	t.Parallel()
	authority := certstest.NewAuthority(t)
	server := authority.Server()
	folder := t.TempDir()
	caPath := folder + "/ca.pem"
	certstest.Write(t, caPath, authority.PEM())
	certPath, keyPath := authority.Client("me", "").Write(t, folder, "me")
	foreignCert, foreignKey := certstest.NewAuthority(t).Client("me", "").Write(t, folder, "foreign")
	for _, row := range []struct {
		name     string
		min      uint16
		contents [][]byte // the default is the server's pair
		files    certs.ClientFiles
		max      uint16 // of the client
		want     string // of the error; "" for none
	}{
		{"a client with the authority", 0, nil, certs.ClientFiles{CA: caPath}, 0, ""},
		{"TLS 1.2", 0, nil, certs.ClientFiles{CA: caPath}, tls.VersionTLS12, ""},
		{"TLS 1.1", 0, nil, certs.ClientFiles{CA: caPath}, tls.VersionTLS11, "no supported versions"},
		{"TLS 1.2 if 1.3 is required", tls.VersionTLS13, nil, certs.ClientFiles{CA: caPath}, tls.VersionTLS12, "protocol version not supported"},
		{"a client without the authority", 0, nil, certs.ClientFiles{}, 0, "unknown authority"},
		{"a client certificate", 0, [][]byte{server.Cert, server.Key, authority.PEM()}, certs.ClientFiles{CA: caPath, Cert: certPath, Key: keyPath}, 0, ""},
		{"no client certificate", 0, [][]byte{server.Cert, server.Key, authority.PEM()}, certs.ClientFiles{CA: caPath}, 0, "certificate required"},
		{"a client certificate of a foreign authority", 0, [][]byte{server.Cert, server.Key, authority.PEM()}, certs.ClientFiles{CA: caPath, Cert: foreignCert, Key: foreignKey}, 0, "certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := certs.NewServer(certs.ServerOptions{MinVersion: row.min})
			contents := row.contents
			if contents == nil {
				contents = pairOf(server)
			}
			if err := s.Apply(contents); err != nil {
				t.Fatal(err)
			}
			config, err := row.files.Config()
			if err != nil {
				t.Fatal(err)
			}
			config.ServerName, config.MaxVersion = "localhost", row.max
			if err := exchange(t, s.Config(), config); (row.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, expected %q", err, row.want)
			}
		})
	}
}

// exchange connects a client to a server, and returns the client's error of the first
// byte that the server sends.
func exchange(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("x"))
		_ = conn.Close()
	}()
	defer func() {
		_ = listener.Close()
		<-done
	}()
	plain, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(plain, client)
	defer func() { _ = conn.Close() }()
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

func TestClientFiles_Faults(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pair := certstest.NewAuthority(t).Client("me", "")
	cert, key := pair.Write(t, folder, "me")
	for _, row := range []struct {
		name  string
		files certs.ClientFiles
		want  string
	}{
		{"no authority file", certs.ClientFiles{CA: folder + "/missing"}, "no such file"},
		{"a key as authority", certs.ClientFiles{CA: key}, `there is a block "PRIVATE KEY"`},
		{"no certificate file", certs.ClientFiles{Cert: folder + "/missing", Key: key}, "no such file"},
		{"no key file", certs.ClientFiles{Cert: cert, Key: folder + "/missing"}, "no such file"},
		{"the certificate as key", certs.ClientFiles{Cert: cert, Key: cert}, "can't be used"},
	} {
		if _, err := row.files.Config(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, expected %q", row.name, err, row.want)
		}
	}
}
