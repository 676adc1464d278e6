package client

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/client/transport"
	"github.com/eventagg/eventagg/pkg/store"
)

// Options say which server a Client talks to. URL is required; the zero value
// of every other field stands for its default.
type Options struct {
	// URL is where the server is: http or https, a host, perhaps a port and a
	// path that all of the server's own paths are below.
	URL string
	// Concurrency is how many connections are kept open between requests,
	// default 16. Make it the number of goroutines that use the client; more
	// may, at the cost of new connections.
	Concurrency int
	// Lines makes Append send its events as NDJSON. The server answers how many
	// were stored and how many were there before, but not which: so do the
	// outcomes then, stored ones first.
	Lines bool
	// Gzip makes Append compress what it sends.
	Gzip bool
	// UserAgent is what the client calls itself, default "eventagg".
	UserAgent string
	// Timeout is about how long one request may take, default 30 seconds. Beyond
	// it the error is [store.ErrUnavailable]; a context's end is the
	// context's own.
	Timeout time.Duration
	// OnConnection hears from [Client.Follow] when the server is lost, once
	// with the reason, and once with nil when it is back. Default nobody.
	OnConnection func(lost error)
	// Random is the chance that waits are spread with, from 0 to below 1.
	// It may be called concurrently. Default math/rand/v2.
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
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return o
}

// Client talks to one server. Make one with [New]. All methods may be called
// concurrently.
type Client struct {
	options     Options
	base        *url.URL
	http        *http.Client
	streams     *http.Client // whose answers may take for ever
	pool        *transport.Pool
	bufferBytes int // bytes of a walk
}

var (
	_ store.Appender    = (*Client)(nil)
	_ store.StatsReader = (*Client)(nil)
)

// New checks the options and returns a client. It does not connect: whether
// the server is there, the first call shows.
func New(options Options) (*Client, error) {
	options = options.WithDefaults()
	base, err := parseURL(options.URL)
	if err != nil {
		return nil, fmt.Errorf("client URL: %w", err)
	}
	if strings.ContainsAny(options.UserAgent, "\r\n") {
		return nil, errors.New("client user agent: must be one line")
	}
	roundTripper := &http.Transport{
		MaxIdleConns:        options.Concurrency,
		MaxIdleConnsPerHost: options.Concurrency,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
	}
	// A redirect is no answer that the interface knows.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		bufferBytes: maxBufferBytes,
		options:     options,
		base:        base,
		http:        &http.Client{Transport: roundTripper, Timeout: options.Timeout, CheckRedirect: stay},
		streams:     &http.Client{Transport: roundTripper, CheckRedirect: stay},
		pool:        transport.New(publishOptions(base, options)),
	}, nil
}

// Close closes the connections that are not in use; others close when their
// requests end. The client must not be used any more.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.pool.Close()
}

// parseURL reads the address of a server. Its errors don't repeat the text,
// which may have a password in it.
func parseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("must begin with http:// or https://")
	case base.Hostname() == "":
		return nil, errors.New("must name a host")
	case base.User != nil:
		return nil, errors.New("must not have a user or a password: this version has no authentication")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("must not have a query or a fragment")
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), ""
	return base, nil
}
