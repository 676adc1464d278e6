package certs

import (
	"crypto/tls"
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

// FileError is a file with invalid content.
type FileError struct {
	// Path is the file.
	Path string
	// Err is what is wrong with its content.
	Err error
}

// Error returns the path and what is wrong.
func (e *FileError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *FileError) Unwrap() error { return e.Err }

// Config returns the TLS configuration of a client. It needs at least TLS 1.2. An error
// is an [*fs.PathError] for a file that can't be read, and a [*FileError] for invalid
// content.
func (f ClientFiles) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		text, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, err
		}
		if config.RootCAs, err = parseAuthorities(text); err != nil {
			return nil, &FileError{Path: f.CA, Err: err}
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
		return nil, &FileError{Path: f.Cert, Err: err}
	}
	// The certificate is sent even if the server names other authorities. The server then
	// says that it does not accept it, and not that there is none.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config, nil
}
