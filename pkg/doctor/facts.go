package doctor

import (
	"time"

	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// Facts are what [Judge] judges. Either Postgres or SQLite is set, unless the database
// can't be reached.
type Facts struct {
	// Now is the time by this machine's clock.
	Now      time.Time
	Postgres *postgres.Facts
	SQLite   *sqlite.Facts
	// DatabaseError is why the database can't be inspected, or nil.
	DatabaseError error
	// Queue is nil without a queue, and if it can't be reached.
	Queue *redis.Facts
	// QueueError is why the queue can't be inspected, or nil.
	QueueError error
	// Instance is the configuration of eventagg and the machine that it runs on.
	Instance Instance
}

// Instance is the configuration of eventagg, and the machine that it runs on.
type Instance struct {
	// Connections is the maximum number of connections to PostgreSQL, at least 1. Pooled
	// is set if they go to a pooler.
	Connections int
	Pooled      bool
	// Migrate is set if serve creates and upgrades the tables.
	Migrate bool

	// Queue is set if there is a queue. QueueMaxBytes is its maximum size, and
	// QueueMaxEvents its maximum number of events.
	Queue                         bool
	QueueMaxBytes, QueueMaxEvents int64
	// QueueReplicas is the number of replicas that must confirm an event before the
	// response queued.
	QueueReplicas int
	// QueueExposed is set if events travel to the queue over a network without TLS.
	QueueExposed bool

	// Address is the address to listen on. Loopback is set if only this machine can
	// reach it, TLS if clients use TLS, and ClientCertificates if they need a
	// certificate.
	Address                           string
	Loopback, TLS, ClientCertificates bool
	// CertificateExpires is the end of the TLS certificate. CertificateError is why the
	// certificate can't be used.
	CertificateExpires time.Time
	CertificateError   error
	// Keys is the number of API keys, and KeysExpire has the end of each one that has an
	// end, by its ID. KeysError is why they can't be used.
	Keys       int
	KeysExpire map[string]time.Time
	KeysError  error
	// Proxies is set if there are trusted proxies, which may end TLS.
	Proxies bool
	// AnyHost is set if requests may have any Host header, so that a web page can reach
	// the server by DNS rebinding.
	AnyHost bool

	// FileLimit is the maximum number of open file descriptors; 0: no limit is known.
	// MaxConnections is that of HTTP connections.
	FileLimit, MaxConnections int
}
