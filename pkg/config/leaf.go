package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// leaf is one setting: a key, a line of help, and where its value lives.
type leaf struct {
	key  string
	help string
	// target is a *string, *bool, *int, *int64 or *time.Duration into a Config.
	target any
	// rule says what is wrong with the target's value, or nothing.
	rule func(value any) string
	// secret says that the value may hold a password.
	secret bool
}

// leaves is the table of all settings, in the order of config/eventagg.yaml.
// They point into c.
func (c *Config) leaves() []leaf {
	return []leaf{
		{key: "http.addr", help: "address to listen on, host:port; port 0 takes a free one", target: &c.HTTP.Addr, rule: hostPort},
		{key: "http.max_body_bytes", help: "largest body of a request, in bytes", target: &c.HTTP.MaxBodyBytes, rule: upTo(1 << 30)},
		{key: "http.max_event_bytes", help: "largest event, in bytes", target: &c.HTTP.MaxEventBytes, rule: upTo(64 << 20)},
		{key: "http.max_batch_events", help: "most events in one array", target: &c.HTTP.MaxBatchEvents, rule: upTo(1_000_000)},
		{key: "http.max_buffered_bytes", help: "memory for the bodies of all requests together, in bytes; beyond: 503", target: &c.HTTP.MaxBufferedBytes, rule: upTo(1 << 36)},
		{key: "http.max_followers", help: "event streams that may be open at once; beyond: 503", target: &c.HTTP.MaxFollowers, rule: upTo(100_000)},
		{key: "http.read_header_timeout", help: "time a client has for the head of a request", target: &c.HTTP.ReadHeaderTimeout, rule: waitUpTo(time.Hour)},
		{key: "http.read_timeout", help: "time a client has for a whole request, or for the next line of NDJSON", target: &c.HTTP.ReadTimeout, rule: waitUpTo(time.Hour)},
		{key: "http.idle_timeout", help: "how long an unused connection stays open", target: &c.HTTP.IdleTimeout, rule: waitUpTo(24 * time.Hour)},
		{key: "http.shutdown_timeout", help: "time for finishing accepted requests after SIGTERM", target: &c.HTTP.ShutdownTimeout, rule: waitUpTo(time.Hour)},
		{key: "http.drain_delay", help: "time after SIGTERM in which a load balancer can see that /readyz answers 503, before the port closes", target: &c.HTTP.DrainDelay, rule: delayUpTo(time.Hour)},
		{key: "database.url", help: "postgres://… or sqlite:PATH (empty: sqlite:eventagg.db)", target: &c.Database.URL, rule: databaseURL, secret: true},
		{key: "database.max_conns", help: "PostgreSQL connections for reading; writers come on top", target: &c.Database.MaxConns, rule: upTo(1000)},
		{key: "database.pooler", help: "what the URL leads to: none (PostgreSQL itself) or transaction (PgBouncer in transaction mode)", target: &c.Database.Pooler, rule: oneOf("none", "transaction")},
		{key: "ingest.writers", help: "transactions at once (SQLite always has one)", target: &c.Ingest.Writers, rule: upTo(64)},
		{key: "ingest.max_batch", help: "most events in one transaction", target: &c.Ingest.MaxBatch, rule: upTo(100_000)},
		{key: "ingest.max_pending", help: "most events waiting in memory; beyond: 503", target: &c.Ingest.MaxPending, rule: upTo(10_000_000)},
		{key: "ingest.max_pending_bytes", help: "most bytes waiting in memory; beyond: 503", target: &c.Ingest.MaxPendingBytes, rule: upTo(1 << 36)},
		{key: "ingest.flush_timeout", help: "time for one transaction", target: &c.Ingest.FlushTimeout, rule: waitUpTo(time.Hour)},
		{key: "broker.url", help: "queue beside the database: redis://… or rediss://… (empty: none)", target: &c.Broker.URL, rule: brokerURL, secret: true},
		{key: "broker.ack", help: "what an answer means with a broker: durable (stored, or queued while the database can't) or queued", target: &c.Broker.Ack, rule: oneOf("durable", "queued")},
		{key: "broker.role", help: "with a broker: all, api (takes events) or worker (stores queued ones, takes none)", target: &c.Broker.Role, rule: oneOf("all", "api", "worker")},
		{key: "broker.workers", help: "transactions at once for queued events; 0: none", target: &c.Broker.Workers, rule: between(0, 64)},
		{key: "broker.max_events", help: "most events queued, over all instances; beyond: 503", target: &c.Broker.MaxEvents, rule: upTo(1 << 40)},
		{key: "broker.max_bytes", help: "most bytes queued, over all instances; beyond: 503", target: &c.Broker.MaxBytes, rule: upTo(1 << 40)},
		{key: "broker.prefix", help: "begins the names of all keys in Redis", target: &c.Broker.Prefix, rule: keyPrefix},
		{key: "broker.streams", help: "over how many streams appends take turns; more than 1 is for Redis Cluster", target: &c.Broker.Streams, rule: upTo(256)},
		{key: "broker.allow_weak_durability", help: "use a Redis that may lose what it took (without appendfsync always)", target: &c.Broker.AllowWeakDurability, rule: anything},
		{key: "log.level", help: "least level to log: debug, info, warn or error", target: &c.Log.Level, rule: oneOf("debug", "info", "warn", "error")},
		{key: "log.format", help: "text or json", target: &c.Log.Format, rule: oneOf("text", "json")},
		{key: "client.url", help: "base URL of the server to talk to", target: &c.Client.URL, rule: clientURL, secret: true},
	}
}

// flag returns the name of the setting's flag: the key with dashes. The
// exceptions are what people type all the time.
func (l leaf) flag() string {
	switch l.key {
	case "client.url", "broker.role", "broker.workers":
		_, name, _ := strings.Cut(l.key, ".")
		return name
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(l.key)
}

// variable returns the name of the setting's environment variable.
func (l leaf) variable() string {
	return "EVENTAGG_" + strings.ToUpper(strings.ReplaceAll(l.key, ".", "_"))
}

// kind is the word that help texts have for the value.
func (l leaf) kind() string {
	switch l.target.(type) {
	case *time.Duration:
		return "duration"
	case *int, *int64:
		return "number"
	case *bool:
		return "true|false"
	default:
		return "text"
	}
}

// value returns what the leaf points to: string, bool, int64 or time.Duration.
func (l leaf) value() any {
	switch target := l.target.(type) {
	case *string:
		return *target
	case *bool:
		return *target
	case *int:
		return int64(*target)
	case *int64:
		return *target
	case *time.Duration:
		return *target
	default:
		return nil
	}
}

// text returns the value as flags, variables and the file have it.
func (l leaf) text() string {
	duration, ok := l.value().(time.Duration)
	if !ok {
		return fmt.Sprint(l.value())
	}
	text := duration.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// shown returns the value as text, without a password.
func (l leaf) shown() string {
	if l.secret {
		return Redact(l.text())
	}
	return l.text()
}

func (l leaf) check() string { return l.rule(l.value()) }

// set takes a value as flags and variables (always text) or YAML have it. It
// returns what is wrong with its type, or nothing.
func (l leaf) set(raw any) string {
	switch target := l.target.(type) {
	case *string:
		text, ok := raw.(string)
		if !ok {
			return "must be text" + l.but(raw)
		}
		*target = text
	case *bool:
		choice, err := strconv.ParseBool(fmt.Sprint(raw))
		if err != nil {
			return "must be true or false" + l.but(raw)
		}
		*target = choice
	case *int:
		number, ok := wholeNumber(raw)
		if !ok || number < math.MinInt || number > math.MaxInt {
			return "must be a whole number" + l.but(raw)
		}
		*target = int(number)
	case *int64:
		number, ok := wholeNumber(raw)
		if !ok {
			return "must be a whole number" + l.but(raw)
		}
		*target = number
	case *time.Duration:
		text, _ := raw.(string)
		duration, err := time.ParseDuration(text)
		if err != nil {
			return "must be a duration with a unit such as 500ms, 30s or 2m" + l.but(raw)
		}
		*target = duration
	}
	return ""
}

// but words the offending value, if it may be shown.
func (l leaf) but(raw any) string {
	switch raw := raw.(type) {
	case map[string]any:
		return ", is a section"
	case []any:
		return ", is a list"
	case string:
		if l.secret {
			return ""
		}
		return fmt.Sprintf(", is %q", raw)
	default:
		return fmt.Sprintf(", is %v", raw)
	}
}

func wholeNumber(raw any) (int64, bool) {
	switch raw := raw.(type) {
	case int:
		return int64(raw), true
	case int64:
		return raw, true
	case string:
		number, err := strconv.ParseInt(strings.TrimSpace(raw), 10, 64)
		return number, err == nil
	default:
		return 0, false
	}
}
