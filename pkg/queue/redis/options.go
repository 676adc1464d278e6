package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Options say where the queue is and how much it may hold. The zero value of
// each field but URL stands for its default.
type Options struct {
	// URL is redis://[user:password@]host[:port][/database], rediss:// for TLS
	// or unix://[user:password@]/path[?db=number]. More addresses, as in
	// redis://a:6379?addr=b:6379, mean a Redis Cluster.
	URL string
	// RootCAs are trusted with rediss://, default those of the system.
	RootCAs *x509.CertPool
	// Prefix begins the names of all keys, default "eventagg". All instances
	// of one system have the same.
	Prefix string
	// Streams is over how many stream keys the queue is spread, default 1.
	// More are of use in a Redis Cluster alone: each lies on one of its nodes.
	// All instances have the same number. To lower it, drain the queue first:
	// what lies in a stream that nobody knows of is not read.
	Streams int
	// MaxEvents and MaxBytes bound what is queued, dead letters included,
	// default 1,000,000 events and 256 MiB. Each stream has an equal share.
	MaxEvents int64
	MaxBytes  int64
	// AllowWeak takes events although the server could lose them.
	AllowWeak bool
	// Timeout bounds each call to the server, default 5 seconds.
	Timeout time.Duration
	// Now is the clock that measures waits and rates, default time.Now.
	Now func() time.Time
	// Random draws the names of deliveries, default crypto/rand.
	Random io.Reader
	// Logger hears of a server that is not durable, once each time that
	// changes; default nobody.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Prefix = cmp.Or(o.Prefix, "eventagg")
	o.Streams = max(o.Streams, 1)
	o.MaxEvents = cmp.Or(o.MaxEvents, 1_000_000)
	o.MaxBytes = cmp.Or(o.MaxBytes, 256<<20)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// errURL has no part of the URL in it: a password with a character that should
// have been encoded can end up in any part.
var errURL = errors.New("the address of the queue can't be read: want redis://[user:password@]host[:port][/database], rediss://… or unix://…, " +
	"with / ? # @ : and % in a password written as %2F %3F %23 %40 %3A and %25")

// connect makes a client. It does not wait for the server. onConnect is called
// with every new connection and may refuse it; nil is never called.
func connect(o Options, onConnect func(context.Context, *goredis.Conn) error) (goredis.UniversalClient, error) {
	parsed, err := url.Parse(o.URL)
	if err != nil {
		return nil, errURL
	}
	if parsed.Query().Has("addr") {
		return connectCluster(o, onConnect)
	}
	c, err := goredis.ParseURL(o.URL)
	if err != nil {
		return nil, errURL
	}
	c.OnConnect = onConnect
	c.Protocol = protocol
	c.ContextTimeoutEnabled = true
	c.MaxRetries = never
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	c.DialerRetries = 1
	c.PoolSize = poolSize
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	trust(c.TLSConfig, o.RootCAs)
	return goredis.NewClient(c), nil
}

func connectCluster(o Options, onConnect func(context.Context, *goredis.Conn) error) (goredis.UniversalClient, error) {
	c, err := goredis.ParseClusterURL(o.URL)
	if err != nil {
		return nil, errURL
	}
	c.OnConnect = onConnect
	c.Protocol = protocol
	c.ContextTimeoutEnabled = true
	c.MaxRetries = never
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	c.DialerRetries = 1
	c.PoolSize = poolSize
	c.DisableIdentity = true
	c.DisableRoutingPolicies = true
	c.ClusterStateReloadInterval = learnMasters
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	trust(c.TLSConfig, o.RootCAs)
	return goredis.NewClusterClient(c), nil
}

const (
	protocol = 2   // scripts answer lists, and nobody listens to push messages
	never    = -1  // go-redis would send again what may have been executed
	poolSize = 256 // connections are opened when needed; a worker that waits occupies one
	// learnMasters is how soon the client sees that a replica took over from a
	// master that doesn't answer any more: of itself after a minute.
	learnMasters = 2 * time.Second
)

func trust(config *tls.Config, roots *x509.CertPool) {
	if config != nil {
		config.RootCAs = roots
		config.MinVersion = tls.VersionTLS12
	}
}

// check reports options that can't work.
func (o Options) check() error {
	if o.MaxEvents < int64(o.Streams) || o.MaxBytes < int64(o.Streams) {
		return fmt.Errorf("a queue of at most %d events and %d bytes can't be spread over %d streams", o.MaxEvents, o.MaxBytes, o.Streams)
	}
	return nil
}
