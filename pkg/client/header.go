package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// ParseHeaders parses lines of the form "Name: value" for [Options.Header]. Blank lines
// are skipped. Its errors never contain a value, which may be a secret.
func ParseHeaders(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil, errors.New("a header must have the form 'Name: value'")
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, checkHeader(header)
}

// checkHeader returns an error if a request can't have one of the headers.
func checkHeader(header http.Header) error {
	for name, values := range header {
		if !httpguts.ValidHeaderFieldName(name) {
			return errors.New("a header has an invalid name: expected letters, digits and dashes before the colon")
		}
		switch canonical := http.CanonicalHeaderKey(name); canonical {
		case "Authorization":
			return errors.New("the header Authorization is set from the API key (use --api-key-file)")
		case "Accept", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Last-Event-Id",
			"Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent":
			return fmt.Errorf("the header %s is set by the client itself (leave it out)", canonical)
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return fmt.Errorf("the header %s has an invalid value: it must not have control characters", name)
			}
		}
	}
	return nil
}

// appendHeader appends the header lines of a request, each with a line end.
func appendHeader(dst string, header http.Header) string {
	var text strings.Builder
	_ = header.Write(&text) // can't fail
	return dst + text.String()
}
