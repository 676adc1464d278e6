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

// Options configure a queue. A zero field other than URL means its default.
type Options struct {
	// URL is redis://[user:password@]host[:port][/database], rediss:// for TLS, or
	// unix://[user:password@]/path[?db=number]. With more addresses, as in
	// redis://a:6379?addr=b:6379, it is a Redis Cluster.
	URL string
	// RootCAs are the trusted CAs for rediss://, default those of the system.
	RootCAs *x509.CertPool
	// Prefix is the prefix of all keys, default "eventagg". All instances of one
	// system have the same.
	Prefix string
	// Streams is the number of streams that hold the queue, default 1. More than one
	// is useful only in a Redis Cluster, which spreads them over its nodes. All
	// instances must have the same number. Drain the queue before you lower it:
	// streams above the number are not read.
	Streams int
	// MaxEvents and MaxBytes are the maximum size of the queue with its dead letters,
	// default 1,000,000 events and 256 MiB. They are divided equally by the streams.
	MaxEvents int64
	MaxBytes  int64
	// MinReplicas is the number of replicas that must have an append before it is
	// confirmed, default 0. With 1, a confirmed event survives the loss of the server,
	// if the replica takes over. A Redis Cluster has that many for each node.
	MinReplicas int
	// AllowWeak allows a server that could lose events.
	AllowWeak bool
	// Timeout is the timeout of one call to the server, default 5 seconds.
	Timeout time.Duration
	// Now is the clock for waits and rates, default time.Now.
	Now func() time.Time
	// Random is the source of delivery IDs, default crypto/rand.
	Random io.Reader
	// Logger records unsafe settings of the server and streams that can't be reached,
	// once each time. The default discards them.
	Logger *slog.Logger
}

// replicaTimeout is how long an append waits for replicas: less than Timeout, so that
// the server's own response is still in time.
func (o Options) replicaTimeout() time.Duration { return o.Timeout / 2 }

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
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

// errURL quotes no part of the URL: a password with a character that should have been
// encoded can be in any part.
var errURL = errors.New("invalid address of the queue: expected redis://[user:password@]host[:port][/database], rediss://… or unix://…, " +
	"with / ? # @ : and % in a password written as %2F %3F %23 %40 %3A and %25")

// connect returns a client and does not wait for the server. The function onConnect
// is called with every new connection and may reject it; it may be nil.
func connect(o Options, onConnect func(context.Context, *goredis.Conn) error) (goredis.UniversalClient, error) {
	parsed, err := url.Parse(o.URL)
	if err != nil {
		return nil, errURL
	}
	settings := goredis.UniversalOptions{
		OnConnect: onConnect, Protocol: protocol, ContextTimeoutEnabled: true, MaxRetries: never, DialerRetries: 1,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout, PoolSize: poolSize,
		DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if parsed.Query().Has("addr") {
		return connectCluster(o, settings)
	}
	from, err := goredis.ParseURL(o.URL)
	if err != nil {
		return nil, errURL
	}
	c := settings.Simple()
	c.Network, c.Addr, c.DB, c.ClientName = from.Network, from.Addr, from.DB, from.ClientName
	c.Username, c.Password, c.TLSConfig = from.Username, from.Password, trust(from.TLSConfig, o.RootCAs)
	return goredis.NewClient(c), nil
}

func connectCluster(o Options, settings goredis.UniversalOptions) (goredis.UniversalClient, error) {
	from, err := goredis.ParseClusterURL(o.URL)
	if err != nil {
		return nil, errURL
	}
	c := settings.Cluster()
	c.Addrs, c.ClientName = from.Addrs, from.ClientName
	c.Username, c.Password, c.TLSConfig = from.Username, from.Password, trust(from.TLSConfig, o.RootCAs)
	c.DisableRoutingPolicies = true
	c.ClusterStateReloadInterval = learnMasters
	return goredis.NewClusterClient(c), nil
}

const (
	protocol = 2   // scripts return lists, and push messages are not used
	never    = -1  // go-redis would send again what may have been executed
	poolSize = 256 // connections are opened when needed; a waiting worker occupies one
	// learnMasters is how often the client looks for replicas that took over from
	// their masters. Its own default is a minute.
	learnMasters = 2 * time.Second
)

func trust(config *tls.Config, roots *x509.CertPool) *tls.Config {
	if config != nil {
		config.RootCAs = roots
		config.MinVersion = tls.VersionTLS12
	}
	return config
}

// check returns an error for options that can't work.
func (o Options) check() error {
	if o.MaxEvents < int64(o.Streams) || o.MaxBytes < int64(o.Streams) {
		return fmt.Errorf("invalid number of streams %[3]d: a queue of at most %[1]d events and %[2]d bytes can't be divided by it", o.MaxEvents, o.MaxBytes, o.Streams)
	}
	return nil
}
