package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/server/respond"
)

// Names of header fields, in net/http's canonical form.
const (
	headerOrigin    = "Origin"
	headerFetchSite = "Sec-Fetch-Site"
	headerVary      = "Vary"
)

// crossOrigin refuses requests of web pages that do not belong to this server. A
// browser on the machine of an operator reaches every server there, and it sends the
// requests of any page that it shows.
//
//   - Requests of another origin are recognized by Sec-Fetch-Site or Origin, which
//     only browsers send.
//   - DNS rebinding, in which the page's own name changes to the address of this
//     server, is recognized by Host: it has a name that public DNS can have.
type crossOrigin struct {
	hosts   []string // in lower case; "*.example.com" stands for all names below
	origins []string
	check   *http.CrossOriginProtection
}

func newCrossOrigin(hosts, origins []string) crossOrigin {
	c := crossOrigin{origins: origins, check: http.NewCrossOriginProtection()}
	for _, host := range hosts {
		c.hosts = append(c.hosts, strings.ToLower(host))
	}
	for _, origin := range origins {
		_ = c.check.AddTrustedOrigin(origin) // an invalid origin is never equal to that of a request
	}
	return c
}

// admit returns an error if the request must be refused. For an allowed origin it
// sets the headers of CORS (Fetch standard). There are no credentials, so "*" stands
// for every header but Authorization.
func (o crossOrigin) admit(c echo.Context) error {
	r := c.Request()
	if len(o.origins) > 0 {
		o.grantWebHook(c)
		c.Response().Header().Add(headerVary, headerOrigin)
	}
	if r.Header[headerOrigin] == nil && r.Header[headerFetchSite] == nil {
		return nil // not a browser, or a page of this server
	}
	if origin := r.Header.Get(headerOrigin); slices.Contains(o.origins, origin) {
		header := c.Response().Header()
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Expose-Headers", "*")
		if r.Method == http.MethodOptions {
			header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
			header.Set("Access-Control-Allow-Headers", "*, Authorization")
			header.Set("Access-Control-Max-Age", "600")
		}
	}
	if isNavigation(r) {
		return nil
	}
	unsafe := *r
	unsafe.Method = http.MethodPost // CrossOriginProtection admits every GET
	if o.check.Check(&unsafe) != nil {
		return &respond.Error{
			Status: http.StatusForbidden,
			Detail: "The request comes from a web page of another origin. The operator can allow the origin with http.allowed_origins.",
		}
	}
	return nil
}

// checkHost refuses a request without a key if Host has a name that an attacker may have
// registered.
func (o crossOrigin) checkHost(r *http.Request) error {
	if o.knowsHost(r) {
		return nil
	}
	return &respond.Error{
		Status: http.StatusMisdirectedRequest,
		Detail: "The Host header has a name that this server does not know. Use an IP address or localhost, " +
			"or let the operator add the name to http.allowed_hosts.",
	}
}

// isNavigation reports whether a browser opens the URL in a tab: a link or a bookmark.
// The page with the link can't read the response.
func isNavigation(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// knowsHost reports whether Host is an allowed name, or a name that an attacker can't
// register: an IP address, a name without a dot, or one below a private suffix.
// HTTP/1.0 has requests without Host, which browsers never send.
//
// With TLS every name is accepted: a browser connects only if the certificate has the
// name, and an attacker's name is not in it.
func (o crossOrigin) knowsHost(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if r.Host == "" {
		return !r.ProtoAtLeast(1, 1)
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" {
		return false
	}
	if !strings.Contains(host, ".") {
		return !isNumber(host)
	}
	for _, suffix := range []string{".localhost", ".local", ".internal"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return slices.ContainsFunc(o.hosts, func(allowed string) bool {
		below, isTree := strings.CutPrefix(allowed, "*")
		return host == allowed || isTree && strings.HasSuffix(host, below) && len(host) > len(below)
	})
}

// isNumber reports whether a name is an IPv4 address as one number, as in
// http://2130706433/. Browsers send such a host as 127.0.0.1.
func isNumber(host string) bool {
	return strings.Trim(host, "0123456789") == "" || strings.HasPrefix(host, "0x")
}
