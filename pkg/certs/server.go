package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// ServerOptions configure [NewServer]. Zero fields stand for their defaults.
type ServerOptions struct {
	// MinVersion is the minimum version of TLS: [tls.VersionTLS12] (default) or
	// [tls.VersionTLS13].
	MinVersion uint16
	// Logger gets a warning if a certificate has expired. The default discards it.
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// WithDefaults returns o with zero fields replaced by their defaults.
func (o ServerOptions) WithDefaults() ServerOptions {
	if o.MinVersion == 0 {
		o.MinVersion = tls.VersionTLS12
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Server is the TLS configuration of a server. [Server.Apply] replaces it for new
// connections; open connections are not affected. Its methods may be called concurrently.
type Server struct {
	options ServerOptions
	current atomic.Pointer[loaded]
}

// loaded is the contents of one set of files.
type loaded struct {
	config *tls.Config
	leaf   *x509.Certificate
}

// NewServer returns a server without a certificate. Handshakes fail until [Server.Apply]
// has succeeded once.
func NewServer(options ServerOptions) *Server {
	return &Server{options: options.WithDefaults()}
}

// Apply replaces the configuration by the contents of PEM files: the certificate with
// its intermediates, its private key, and optionally the authorities of client
// certificates. With these every client needs a certificate. After an error nothing has
// changed.
func (s *Server) Apply(contents [][]byte) error {
	certificate, err := parsePair(contents[0], contents[1])
	if err != nil {
		return err
	}
	leaf := certificate.Leaf
	if err := checkServer(leaf); err != nil {
		return err
	}
	config := &tls.Config{
		MinVersion: s.options.MinVersion, Certificates: []tls.Certificate{certificate},
		NextProtos: []string{"h2", "http/1.1"},
	}
	if len(contents) > 2 { //nolint:mnd // the third file
		if config.ClientCAs, err = parseAuthorities(contents[2]); err != nil {
			return fmt.Errorf("authorities of client certificates: %w", err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		// A resumed session would be accepted after its authority was removed.
		config.SessionTicketsDisabled = true
	}
	if now := s.options.Now(); now.After(leaf.NotAfter) {
		if before := s.current.Load(); before != nil && now.Before(before.leaf.NotAfter) {
			return fmt.Errorf("the certificate has expired on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
		}
		s.options.Logger.Warn("TLS certificate has expired", slog.Time("expired", leaf.NotAfter), slog.String("subject", leaf.Subject.String()),
			slog.String("consequence", "clients refuse to connect"))
	}
	s.current.Store(&loaded{config: config, leaf: leaf})
	return nil
}

// checkServer returns an error if no client can accept the certificate.
func checkServer(leaf *x509.Certificate) error {
	if len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs) == 0 {
		return errors.New("the certificate names no host: clients compare the host with its subject alternative names, not with its common name")
	}
	for _, usage := range leaf.ExtKeyUsage {
		if usage == x509.ExtKeyUsageServerAuth || usage == x509.ExtKeyUsageAny {
			return nil
		}
	}
	if len(leaf.ExtKeyUsage) > 0 {
		return errors.New("the certificate is not for servers: its extended key usage must include serverAuth")
	}
	return nil
}

// errNoCertificate is returned before the first Apply.
var errNoCertificate = errors.New("no certificate is loaded")

// Config returns a configuration for [net/http.Server]. Each handshake uses the files
// that were applied last.
func (s *Server) Config() *tls.Config {
	return &tls.Config{
		MinVersion: s.options.MinVersion,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			current := s.current.Load()
			if current == nil {
				return nil, errNoCertificate
			}
			return current.config, nil
		},
	}
}

// NotAfter returns when the certificate in use expires, or the zero Time without one.
func (s *Server) NotAfter() time.Time {
	current := s.current.Load()
	if current == nil {
		return time.Time{}
	}
	return current.leaf.NotAfter
}

// parsePair parses a certificate and its private key.
func parsePair(certificate, key []byte) (tls.Certificate, error) {
	if block, _ := pem.Decode(key); block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "") {
		return tls.Certificate{}, errors.New("the private key is encrypted: remove its passphrase (openssl pkey -in KEY -out NEW)")
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate and private key can't be used: %w", err)
	}
	return pair, nil
}

// parseAuthorities parses certificates of authorities.
func parseAuthorities(text []byte) (*x509.CertPool, error) {
	pool, count := x509.NewCertPool(), 0
	for rest := bytes.TrimSpace(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("expected certificates in PEM format, but there is a block %q", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d is invalid: %w", count+1, err)
		}
		pool.AddCert(certificate)
		count++
	}
	if count == 0 {
		return nil, errors.New("the file has no certificate in PEM format")
	}
	return pool, nil
}
