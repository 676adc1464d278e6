package config

import (
	"log/slog"
	"slices"
	"time"
)

// Config has every setting of the program. It has no pointers: copies are
// independent and can be compared with ==.
type Config struct {
	HTTP     HTTP
	Auth     Auth
	TLS      TLS
	Database Database
	Ingest   Ingest
	Broker   Broker
	Limits   Limits
	Log      Log
	Client   Client

	Duplicates Duplicates
	Retention  Retention
}

// HTTP has the settings of the HTTP server.
type HTTP struct {
	// Addr is host:port; port 0 means any free port.
	Addr string
	// AllowedHosts are further names in the Host header of requests.
	AllowedHosts List
	// AllowedOrigins are the origins of other web pages that may send requests.
	AllowedOrigins List
	// MaxBodyBytes is the maximum size of a request body.
	MaxBodyBytes int64
	// MaxEventBytes is the maximum size of an event.
	MaxEventBytes int64
	// MaxBatchEvents is the maximum number of events in an array.
	MaxBatchEvents int
	// MaxBufferedBytes is the maximum memory for the bodies of all requests.
	MaxBufferedBytes int64
	// MaxReadBytes is the maximum memory for responses that clients have not read yet.
	MaxReadBytes int64
	// MaxFollowers is the maximum number of open event streams.
	MaxFollowers int
	// MaxFollowersPerClient is the maximum number of event streams of a client.
	MaxFollowersPerClient int
	// MaxConnections is the maximum number of open connections.
	MaxConnections int
	// TrustedProxies are addresses of reverse proxies whose X-Forwarded-For is believed.
	TrustedProxies List
	// ReadHeaderTimeout, ReadTimeout and IdleTimeout close slow or idle connections.
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	IdleTimeout       time.Duration
	// ShutdownTimeout is the time for accepted requests after SIGTERM. Storing their
	// events has Ingest.FlushTimeout in addition.
	ShutdownTimeout time.Duration
	// DrainDelay is the time after SIGTERM in which requests are still accepted,
	// while GET /readyz makes load balancers use other instances.
	DrainDelay time.Duration
}

// Auth has the settings of API keys.
type Auth struct {
	// KeysFile is the file of the keys, Keys has more of them. If both are empty, every
	// client may do everything.
	KeysFile string
	Keys     YAML
	// Public are the scopes that need no key: publish, read, metrics.
	Public List
	// Insecure allows an address that other machines can reach without any keys.
	Insecure bool
}

// TLS has the settings of TLS on the port of serve.
type TLS struct {
	// Cert is the file of the certificate with its intermediates. Empty means plain
	// HTTP.
	Cert string
	// Key is the file of the private key.
	Key string
	// ClientCA is the file of the authorities of client certificates. If it is set,
	// every client needs one.
	ClientCA string
	// MinVersion is the minimum version, "1.2" or "1.3".
	MinVersion string
}

// Database has the settings of the store.
type Database struct {
	// URL is postgres://… or sqlite:PATH; empty means sqlite:eventagg.db.
	URL string
	// Schema is PostgreSQL's schema of the tables. Empty means the one that has them,
	// or for new tables the first of the role's search path.
	Schema string
	// MaxConns is the maximum number of connections to PostgreSQL for reading.
	// Writers have connections of their own.
	MaxConns int
	// Migrate creates or updates the tables when serve starts.
	Migrate bool
	// Pooler is the connection pooler in front of PostgreSQL: "none", or
	// "transaction" for PgBouncer and others with pool_mode=transaction.
	Pooler string
}

// Ingest has the settings of the group commit in front of the database.
type Ingest struct {
	// Writers is the number of concurrent transactions.
	Writers int
	// MaxBatch is the maximum number of events in a transaction.
	MaxBatch int
	// MaxPending and MaxPendingBytes are the maximum of events and bytes buffered in
	// memory. When full, requests get 503.
	MaxPending      int
	MaxPendingBytes int
	// MaxTopics is the maximum number of topics, 0 for no limit. Events of further
	// topics are invalid.
	MaxTopics int64
	// FlushTimeout is the timeout of a transaction.
	FlushTimeout time.Duration
}

// Duplicates has the settings of what is reported about duplicates.
type Duplicates struct {
	// Reports is the maximum number of reported keys of each topic, without a conflict,
	// and again with one.
	Reports int
	// TotalReports is the maximum number of reported keys of all topics.
	TotalReports int
	// Policy has PATTERN=POLICY for topics; the first pattern that matches counts.
	Policy List
}

// Retention has the settings of what is dropped when it is old. 0 means never.
type Retention struct {
	// MaxAge is the maximum age of event data.
	MaxAge time.Duration
	// IdentityMaxAge is the maximum age of identities, at least MaxAge.
	IdentityMaxAge time.Duration
}

// Broker has the settings of the optional queue.
type Broker struct {
	// URL is redis://…, rediss://… or unix://…; empty means no queue.
	URL string
	// Ack is what a response means: "durable" or "queued".
	Ack string
	// Role is the part of the work of an instance: "all", "api" (accept events) or
	// "worker" (store queued events).
	Role string
	// Workers is the number of workers, each with its own transaction. It may be 0.
	Workers int
	// MaxEvents and MaxBytes are the maximum size of the queue, for all instances.
	MaxEvents int64
	MaxBytes  int64
	// Prefix is the prefix of all Redis keys.
	Prefix string
	// Streams is the number of Redis streams to shard the queue over.
	Streams int
	// MinReplicas is the number of Redis replicas that must have an event before 202.
	MinReplicas int
	// AllowWeakDurability allows a Redis that may lose acknowledged events.
	AllowWeakDurability bool
}

// Limits has the rates of each address, on this instance. 0 means no limit.
type Limits struct {
	// Events is the number of events a second.
	Events int64
	// Bytes is the size a second, after decompression.
	Bytes int64
}

// Log has the settings of the log of serve.
type Log struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is text or json.
	Format string
}

// Client has the settings of commands that send requests to a server.
type Client struct {
	// URL is the server's base URL.
	URL string
	// APIKey is the key itself, or "-": the command reads it from standard input. At most
	// one of APIKey and APIKeyFile is set.
	APIKey string
	// APIKeyFile is the file of the key.
	APIKeyFile string
	// CA is the file of the authorities to trust. Empty means those of the system.
	CA string
	// Cert and Key are the files of the client's certificate and its private key.
	Cert string
	Key  string
	// Headers are sent with every request.
	Headers Lines
	// InsecureHTTP allows to send a key without TLS to another machine.
	InsecureHTTP bool
}

// Default returns the configuration if nothing is set. It is valid.
func Default() Config {
	return Config{
		HTTP: HTTP{
			Addr:             "127.0.0.1:8000",
			MaxBodyBytes:     16 << 20,
			MaxEventBytes:    1 << 20,
			MaxBatchEvents:   10_000,
			MaxBufferedBytes: 32 << 20,
			MaxReadBytes:     32 << 20,
			MaxFollowers:     1000,
			MaxConnections:   4096,

			MaxFollowersPerClient: 100,

			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       20 * time.Second, // less than ShutdownTimeout, so that a slow upload ends before a shutdown does
			IdleTimeout:       2 * time.Minute,
			ShutdownTimeout:   25 * time.Second,
		},
		TLS: TLS{MinVersion: "1.2"},

		Duplicates: Duplicates{Reports: 1000, TotalReports: 10_000},

		Database: Database{MaxConns: 8, Migrate: true, Pooler: "none"},
		Ingest: Ingest{
			Writers:         2,
			MaxBatch:        1000,
			MaxPending:      50_000,
			MaxPendingBytes: 64 << 20,
			MaxTopics:       100_000,
			FlushTimeout:    10 * time.Second,
		},
		Broker: Broker{
			Ack: "durable", Role: "all", Workers: 1,
			MaxEvents: 1_000_000, MaxBytes: 256 << 20, Prefix: "eventagg", Streams: 1,
		},
		Log:    Log{Level: "info", Format: "text"},
		Client: Client{URL: "http://127.0.0.1:8000"},
	}
}

// Validate returns nil or an [*Error] with every problem. It changes nothing.
func (c Config) Validate() error {
	return newError(slices.Concat(c.invalidValues(), c.brokerRules(), c.retentionRules(), c.tlsRules(), c.accessRules()))
}

// invalidValues returns the problems of single settings.
func (c Config) invalidValues() []Problem {
	var problems []Problem
	for _, setting := range c.settings() {
		if message := setting.check(); message != "" {
			problems = append(problems, Problem{Key: setting.key, Message: message})
		}
	}
	return problems
}

// brokerRules returns the problems of broker settings that have no effect without
// broker.url, if ignoring them would mislead the operator.
func (c Config) brokerRules() []Problem {
	if c.Broker.URL != "" {
		return nil
	}
	var problems []Problem
	if c.Broker.Role == "api" || c.Broker.Role == "worker" {
		problems = append(problems, Problem{
			Key: "broker.role", Message: "must be all if broker.url is empty: the roles api and worker share a queue",
		})
	}
	if c.Broker.Workers > Default().Broker.Workers {
		problems = append(problems, Problem{
			Key: "broker.workers", Message: "must be 1 or 0 if broker.url is empty: workers store queued events; ingest.writers is for events that come directly",
		})
	}
	return problems
}

// retentionRules returns the problems of retention settings that contradict each other:
// without its identity, a repeat of an event would be stored beside it.
func (c Config) retentionRules() []Problem {
	if r := c.Retention; r.IdentityMaxAge > 0 && (r.MaxAge == 0 || r.IdentityMaxAge < r.MaxAge) {
		return []Problem{{Key: "retention.identity_max_age", Message: "must be 0 (for ever) or at least retention.max_age, which must be set"}}
	}
	return nil
}

// tlsRules returns the problems of TLS settings that need each other. A server must not
// listen without TLS because one of its files was forgotten.
func (c Config) tlsRules() []Problem {
	if filePath(c.TLS.Cert) != "" || filePath(c.TLS.Key) != "" || filePath(c.TLS.ClientCA) != "" {
		return nil // that problem comes first
	}
	var problems []Problem
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		problems = append(problems, Problem{Key: "tls.cert", Message: "must be set together with tls.key"})
	}
	if c.TLS.ClientCA != "" && c.TLS.Cert == "" {
		problems = append(problems, Problem{Key: "tls.client_ca", Message: "must be empty without tls.cert: client certificates need TLS"})
	}
	return problems
}

// LogValue returns every setting by its key, without passwords.
func (c Config) LogValue() slog.Value {
	settings := c.settings()
	attrs := make([]slog.Attr, len(settings))
	for i, setting := range settings {
		attrs[i] = slog.String(setting.key, setting.redacted())
	}
	return slog.GroupValue(attrs...)
}

// String returns "key=value" for every setting, without passwords.
func (c Config) String() string { return c.LogValue().String() }
