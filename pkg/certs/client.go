package certs

import (
	"crypto/tls"
	"fmt"
	"os"
)

// ClientFiles are the files of a client. Empty paths stand for none.
type ClientFiles struct {
	// CA has the certificates of the authorities to trust, instead of those of the
	// system.
	CA string
	// Cert and Key are the certificate of the client with its private key.
	Cert, Key string
}

// Config returns the TLS configuration of a client. It needs at least TLS 1.2.
func (f ClientFiles) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, err
		}
		if config.RootCAs, err = parseAuthorities(text); err != nil {
			return nil, fmt.Errorf("%s: %w", f.CA, err)
		}
	}
	if f.Cert == "" {
		return config, nil
	}
	certificate, err := os.ReadFile(f.Cert)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(f.Key)
	if err != nil {
		return nil, err
	}
	pair, err := parsePair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Cert, err)
	}
	// The certificate is sent even if the server names other authorities. The server then
	// says that it does not accept it, and not that there is none.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config, nil
}
