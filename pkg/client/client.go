package client

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/client/transport"
	"github.com/eventagg/eventagg/pkg/store"
)

// Options configure a Client. URL is required; zero fields have defaults.
type Options struct {
	// URL is the address of the server: http or https, a host, an optional port
	// and an optional path, which is the prefix of all paths of the server.
	URL string
	// Key is sent with every request. The zero Key means none. It is not sent over http
	// to another machine, unless InsecureHTTP is set.
	Key          auth.Key
	InsecureHTTP bool
	// TLS is the configuration for https, with the authorities to trust and the
	// certificate of the client. Default: the authorities of the system.
	TLS *tls.Config
	// Concurrency is the maximum number of idle connections, default 16. Set it
	// to the number of goroutines that use the client. More goroutines may use
	// it, at the cost of new connections.
	Concurrency int
	// Lines makes Append send its events as NDJSON. The response has only the
	// numbers of stored and duplicate events. So the outcomes have the right
	// numbers, but not the right order: stored ones come first.
	Lines bool
	// Gzip makes Append compress its requests.
	Gzip bool
	// UserAgent is the header of that name, default "eventagg".
	UserAgent string
	// Header is sent with every request to the server, and never after a redirect:
	// those are errors. [ParseHeaders] names the headers that it must not have.
	Header http.Header
	// Timeout is the approximate maximum time of one request, default 30
	// seconds. The error is then [store.ErrUnavailable]. If the context ends
	// first, the error is the context's.
	Timeout time.Duration
	// OnConnection is called by [Client.Follow] and [Client.Export] once when
	// the connection is lost, with the reason, and once when there is a new
	// one, with nil. The default does nothing.
	OnConnection func(lost error)
	// OnDropped is called by [Client.Follow], [Client.Resume] and [Client.Export] if
	// retention has dropped events that they have not returned yet. They then go on
	// with the first event after those. With the default, nil, they return a
	// [store.DroppedError] instead.
	OnDropped func()
	// OnResponse is called with the HTTP status of each response to a request of
	// [Client.Append], or with 0 if there was none. It may be called concurrently. The
	// default does nothing.
	OnResponse func(status int)
	// Random returns a value in [0, 1) for the jitter of waits. It may be
	// called concurrently. Default math/rand/v2.
	Random func() float64
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	o.Concurrency = cmp.Or(o.Concurrency, 16)
	o.UserAgent = cmp.Or(o.UserAgent, "eventagg")
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	if o.OnConnection == nil {
		o.OnConnection = func(error) {}
	}
	if o.OnResponse == nil {
		o.OnResponse = func(int) {}
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return o
}

// Client sends requests to one server. Create it with [New]. All methods may be
// called concurrently.
type Client struct {
	options     Options
	base        *url.URL
	http        *http.Client
	streams     *http.Client // without a timeout
	pool        *transport.Pool
	bufferBytes int // maximum that Last buffers
}

var (
	_ store.Appender    = (*Client)(nil)
	_ store.StatsReader = (*Client)(nil)
)

// ErrKeyInPlainText reports that a key would be sent over http to another machine.
var ErrKeyInPlainText = errors.New("the API key would be sent over http:// to another machine, where others on the network can read it")

// New checks the options and returns a client. It does not connect; the first
// call does.
func New(options Options) (*Client, error) {
	options = options.WithDefaults()
	base, err := parseURL(options.URL)
	if err != nil {
		return nil, fmt.Errorf("client URL: %w", err)
	}
	if strings.ContainsAny(options.UserAgent, "\r\n") {
		return nil, errors.New("client user agent: must be one line")
	}
	if options.Key != (auth.Key{}) && base.Scheme == "http" && !isLoopback(base.Hostname()) && !options.InsecureHTTP {
		return nil, ErrKeyInPlainText
	}
	if err := checkHeader(options.Header); err != nil {
		return nil, fmt.Errorf("client header: %w", err)
	}
	roundTripper := &http.Transport{
		TLSClientConfig:     options.TLS,
		MaxIdleConns:        options.Concurrency,
		MaxIdleConnsPerHost: options.Concurrency,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
	}
	// The interface has no redirects.
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		bufferBytes: maxBufferBytes,
		options:     options,
		base:        base,
		http:        &http.Client{Transport: roundTripper, Timeout: options.Timeout, CheckRedirect: noRedirect},
		streams:     &http.Client{Transport: roundTripper, CheckRedirect: noRedirect},
		pool:        transport.New(publishOptions(base, options)),
	}, nil
}

// Close closes the idle connections. Others close when their requests end. The
// client must not be used afterwards.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.pool.Close()
}

// isLoopback reports whether a host is this machine. A name other than localhost may be
// resolved to any address.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// parseURL parses the address of a server. Its errors do not contain the text,
// which may contain a password.
func parseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a valid URL")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("must begin with http:// or https://")
	case base.Hostname() == "":
		return nil, errors.New("must name a host")
	case base.User != nil:
		return nil, errors.New("must not have a user or a password: use an API key")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("must not have a query or a fragment")
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), ""
	return base, nil
}
