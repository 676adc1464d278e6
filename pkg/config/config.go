package config

import (
	"log/slog"
	"time"
)

// Config has every setting of the program. It holds no pointers: copies are
// independent, and two of them can be compared with ==.
type Config struct {
	HTTP     HTTP
	Database Database
	Ingest   Ingest
	Broker   Broker
	Log      Log
	Client   Client
}

// HTTP is how serve listens and what it accepts.
type HTTP struct {
	// Addr is host:port; port 0 takes any free one.
	Addr string
	// MaxBodyBytes bounds the body of a request.
	MaxBodyBytes int64
	// MaxEventBytes bounds one event.
	MaxEventBytes int64
	// MaxBatchEvents bounds the events of one array.
	MaxBatchEvents int
	// MaxBufferedBytes bounds the bodies of all requests in memory.
	MaxBufferedBytes int64
	// MaxFollowers bounds the event streams.
	MaxFollowers int
	// ReadHeaderTimeout, ReadTimeout and IdleTimeout cut off slow or silent
	// connections.
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	IdleTimeout       time.Duration
	// ShutdownTimeout is how long accepted requests may take after the signal.
	// Storing what they brought has Ingest.FlushTimeout on top.
	ShutdownTimeout time.Duration
	// DrainDelay is how long requests are still accepted after the signal, while
	// GET /readyz sends load balancers elsewhere.
	DrainDelay time.Duration
}

// Database is where events are stored.
type Database struct {
	// URL is postgres://… or sqlite:PATH; empty is sqlite:eventagg.db.
	URL string
	// MaxConns bounds PostgreSQL's connections for reading. The writers come
	// on top.
	MaxConns int
	// Pooler is what stands between serve and PostgreSQL: "none", or
	// "transaction" for PgBouncer and its like with pool_mode=transaction.
	Pooler string
}

// Ingest is the group commit in front of the database.
type Ingest struct {
	// Writers is how many transactions run at once.
	Writers int
	// MaxBatch bounds the events of one transaction.
	MaxBatch int
	// MaxPending and MaxPendingBytes bound what waits in memory; beyond them
	// publishers are asked to come again.
	MaxPending      int
	MaxPendingBytes int
	// FlushTimeout bounds one transaction.
	FlushTimeout time.Duration
}

// Broker is the queue beside the database.
type Broker struct {
	// URL is redis://…, rediss://… or unix://…; empty is none.
	URL string
	// Ack is what an answer means: "durable" or "queued".
	Ack string
	// Role is which part of the work an instance does: "all", "api" for taking
	// events, "worker" for storing what is queued.
	Role string
	// Workers is how many workers an instance has, each with a transaction of
	// its own; 0 is none.
	Workers int
	// MaxEvents and MaxBytes bound what is queued, over all instances.
	MaxEvents int64
	MaxBytes  int64
	// Prefix begins the names of all keys.
	Prefix string
	// Streams is over how many streams appends take turns.
	Streams int
	// AllowWeakDurability has a queue used that may lose what it took.
	AllowWeakDurability bool
}

// Log is what serve writes to standard error.
type Log struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is text or json.
	Format string
}

// Client is for the commands that talk to a server.
type Client struct {
	// URL is the server's base URL.
	URL string
}

// Default returns the configuration that applies where nothing is set. It is
// valid.
func Default() Config {
	return Config{
		HTTP: HTTP{
			Addr:              "127.0.0.1:8000",
			MaxBodyBytes:      16 << 20,
			MaxEventBytes:     1 << 20,
			MaxBatchEvents:    10_000,
			MaxBufferedBytes:  32 << 20,
			MaxFollowers:      1000,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       20 * time.Second, // below ShutdownTimeout, so that a slow upload cannot outlast a shutdown
			IdleTimeout:       2 * time.Minute,
			ShutdownTimeout:   25 * time.Second,
		},
		Database: Database{MaxConns: 8, Pooler: "none"},
		Ingest: Ingest{
			Writers:         2,
			MaxBatch:        1000,
			MaxPending:      50_000,
			MaxPendingBytes: 64 << 20,
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

// Validate returns nil or an [*Error] with every fault. It changes nothing.
func (c Config) Validate() error {
	return newError(append(c.outOfBounds(), c.brokerless()...))
}

// outOfBounds is what is wrong with settings by themselves.
func (c Config) outOfBounds() []Fault {
	var faults []Fault
	for _, leaf := range c.leaves() {
		if message := leaf.check(); message != "" {
			faults = append(faults, Fault{Key: leaf.key, Message: message})
		}
	}
	return faults
}

// brokerless is what was set for a broker that is none, where serving without
// would be something else than was asked for.
func (c Config) brokerless() []Fault {
	var faults []Fault
	if c.Broker.URL != "" {
		return nil
	}
	if c.Broker.Role == "api" || c.Broker.Role == "worker" {
		faults = append(faults, Fault{Key: "broker.role", Message: "must be all where broker.url is empty: the two roles meet at the broker"})
	}
	if c.Broker.Workers > Default().Broker.Workers {
		faults = append(faults, Fault{
			Key: "broker.workers", Message: "must be 1 or 0 where broker.url is empty: there is no queue to work on; ingest.writers is for events that come directly",
		})
	}
	return faults
}

// LogValue gives loggers every setting by its key, without passwords.
func (c Config) LogValue() slog.Value {
	leaves := c.leaves()
	attrs := make([]slog.Attr, len(leaves))
	for i, leaf := range leaves {
		attrs[i] = slog.String(leaf.key, leaf.shown())
	}
	return slog.GroupValue(attrs...)
}

// String returns "key=value" for every setting, without passwords.
func (c Config) String() string { return c.LogValue().String() }
