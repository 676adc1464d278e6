package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// explainTLS returns why a connection with TLS can't work, and what to do. It returns ""
// for errors that a retry may help against.
func explainTLS(err error) string {
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && unknown.Cert != nil {
		return "the server's certificate is signed by an unknown authority (set client.ca to the certificate of the authority, --client-ca FILE)"
	}
	if other, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the server's certificate is not for " + other.Host + ", but for " + names(other.Certificate) + " (use one of these names in client.url)"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the server's certificate is valid from " + date(invalid.Cert.NotBefore) + " to " + date(invalid.Cert.NotAfter) + " (renew it, or check the clock of this machine)"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "the server does not speak TLS on this port (use http:// in client.url)"
	}
	if verification, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the server's certificate is not valid: " + verification.Err.Error()
	}
	// crypto/tls does not export the type of alerts.
	for alert, text := range alerts() {
		if strings.Contains(err.Error(), "remote error: tls: "+alert) {
			return text
		}
	}
	return ""
}

// alerts returns what the alerts mean that a server sends about the client.
func alerts() map[string]string {
	const refused = "the server does not accept the client certificate (it must be signed by an authority in the server's tls.client_ca)"
	return map[string]string{
		"certificate required": "the server requires a client certificate (set client.cert and client.key)",
		"bad certificate":      refused,
		"unknown certificate":  refused, // "unknown certificate authority", too
		"expired certificate":  "the client certificate has expired (renew the file of client.cert)",
		"protocol version not": "the server requires a newer version of TLS (see the server's tls.min_version)",
	}
}

// names returns the hosts that a certificate is for. They come from the server, so they
// are quoted if they have characters that control a terminal.
func names(certificate *x509.Certificate) string {
	all := make([]string, 0, len(certificate.DNSNames)+len(certificate.IPAddresses))
	for _, name := range certificate.DNSNames {
		if quoted := strconv.QuoteToASCII(name); quoted != `"`+name+`"` {
			name = quoted
		}
		all = append(all, name)
	}
	for _, address := range certificate.IPAddresses {
		all = append(all, address.String())
	}
	if len(all) == 0 {
		return "no host"
	}
	return strings.Join(all, ", ")
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
