package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/size"
)

// setting is one setting: a key, a line of help and a pointer to its value.
type setting struct {
	key  string
	help string
	// target is a *string, *List, *Lines, *YAML, *bool, *int, *int64 or *time.Duration into a Config.
	target any
	// rule returns what is wrong with a value, or nothing. With values it is nil.
	rule func(value any) string
	// values are all valid values of a setting with few of them.
	values []string
	// secret is set if the value may contain a password.
	secret bool
}

// settings is the table of all settings, in the order of config/eventagg.yaml. The
// targets point into c.
func (c *Config) settings() []setting {
	return []setting{
		{key: "http.addr", help: "address to listen on, as host:port; port 0 means any free port", target: &c.HTTP.Addr, rule: hostPort},
		{key: "http.allowed_hosts", help: "further names that the Host header may have, besides IP addresses, localhost and private names; *.example.com for all below", target: &c.HTTP.AllowedHosts, rule: hostNames},
		{key: "http.allowed_origins", help: "origins of other web pages that may send requests, such as https://app.example.com (CORS)", target: &c.HTTP.AllowedOrigins, rule: origins},
		{key: "http.max_body_bytes", help: "maximum size of a request body after decompression; larger ones get 413 (NDJSON has no limit)", target: &c.HTTP.MaxBodyBytes, rule: sizeUpTo(1 << 30)},
		{key: "http.max_event_bytes", help: "maximum size of an event; larger ones get 413, or are invalid in a batch", target: &c.HTTP.MaxEventBytes, rule: sizeUpTo(64 << 20)},
		{key: "http.max_batch_events", help: "maximum number of events in an array; longer ones get 413", target: &c.HTTP.MaxBatchEvents, rule: upTo(1_000_000)},
		{key: "http.max_buffered_bytes", help: "memory for the bodies of all requests; when full, requests get 503", target: &c.HTTP.MaxBufferedBytes, rule: sizeUpTo(1 << 36)},
		{key: "http.max_read_bytes", help: "memory for responses that clients have not read yet; when full, requests for events get 503", target: &c.HTTP.MaxReadBytes, rule: sizeUpTo(1 << 36)},
		{key: "http.max_followers", help: "maximum number of open event streams; further ones get 503", target: &c.HTTP.MaxFollowers, rule: upTo(100_000)},
		{key: "http.max_followers_per_client", help: "maximum number of open event streams of one key or address; further ones get 429", target: &c.HTTP.MaxFollowersPerClient, rule: upTo(100_000)},
		{key: "http.max_connections", help: "maximum number of open connections; over HTTP/2 a quarter as many concurrent requests, and a sixteenth as many connections; at most what file descriptors allow; when full, unused ones are closed, and without such new ones get 503", target: &c.HTTP.MaxConnections, rule: upTo(1_000_000)},
		{key: "http.trusted_proxies", help: "addresses of reverse proxies, such as 10.0.0.0/8: the client is then the last other address in X-Forwarded-For", target: &c.HTTP.TrustedProxies, rule: prefixes},
		{key: "http.read_header_timeout", help: "maximum time to receive the header of a request", target: &c.HTTP.ReadHeaderTimeout, rule: waitUpTo(time.Hour)},
		{key: "http.read_timeout", help: "maximum time to receive a whole request, or the next line of NDJSON", target: &c.HTTP.ReadTimeout, rule: waitUpTo(time.Hour)},
		{key: "http.idle_timeout", help: "time after which an unused connection is closed", target: &c.HTTP.IdleTimeout, rule: waitUpTo(24 * time.Hour)},
		{key: "http.shutdown_timeout", help: "maximum time to finish accepted requests after SIGTERM", target: &c.HTTP.ShutdownTimeout, rule: waitUpTo(time.Hour)},
		{key: "http.drain_delay", help: "time after SIGTERM in which requests are still accepted while /readyz returns 503, so that load balancers notice", target: &c.HTTP.DrainDelay, rule: delayUpTo(time.Hour)},
		{key: "auth.keys_file", help: "file of the API keys (empty: no file); serve reads it again on SIGHUP and when it changes", target: &c.Auth.KeysFile, rule: filePath},
		{key: "auth.keys", help: "further API keys in the configuration itself, as a list of the same entries", target: &c.Auth.Keys, rule: yamlList, secret: true},
		{key: "auth.public", help: "what needs no key although there are keys: a list of publish, read, metrics", target: &c.Auth.Public, rule: publicScopes},
		{key: "auth.insecure", help: "allow an http.addr that other machines can reach without any keys", target: &c.Auth.Insecure, rule: anything},
		{key: "tls.cert", help: "file of the TLS certificate with its intermediates, in PEM format (empty: plain HTTP)", target: &c.TLS.Cert, rule: filePath},
		{key: "tls.key", help: "file of the private key of tls.cert, in PEM format", target: &c.TLS.Key, rule: filePath},
		{key: "tls.client_ca", help: "file of the authorities of client certificates; if set, every client needs a certificate", target: &c.TLS.ClientCA, rule: filePath},
		{key: "tls.min_version", help: "minimum version of TLS: 1.2 or 1.3", target: &c.TLS.MinVersion, values: []string{"1.2", "1.3"}},
		{key: "database.url", help: "postgres://… or sqlite:PATH (empty: sqlite:eventagg.db)", target: &c.Database.URL, rule: databaseURL, secret: true},
		{key: "database.schema", help: "PostgreSQL schema of the tables (empty: the one that has them)", target: &c.Database.Schema, rule: schemaName},
		{key: "database.max_conns", help: "maximum number of PostgreSQL connections for reading; writers have connections of their own", target: &c.Database.MaxConns, rule: upTo(1000)},
		{key: "database.pooler", help: "connection pooler behind database.url: none, or transaction (PgBouncer with pool_mode=transaction)", target: &c.Database.Pooler, values: []string{"none", "transaction"}},
		{key: "database.migrate", help: "create or update the tables when serve starts (false: the role needs no right to do it)", target: &c.Database.Migrate, rule: anything},
		{key: "ingest.writers", help: "number of concurrent transactions (SQLite always has one)", target: &c.Ingest.Writers, rule: upTo(64)},
		{key: "ingest.max_batch", help: "maximum number of events in a transaction", target: &c.Ingest.MaxBatch, rule: upTo(100_000)},
		{key: "ingest.max_pending", help: "maximum number of events buffered in memory; when full, requests get 503", target: &c.Ingest.MaxPending, rule: upTo(10_000_000)},
		{key: "ingest.max_pending_bytes", help: "maximum size of events buffered in memory; when full, requests get 503", target: &c.Ingest.MaxPendingBytes, rule: sizeUpTo(1 << 36)},
		{key: "ingest.max_topics", help: "maximum number of topics; events of further topics are invalid (0: no limit)", target: &c.Ingest.MaxTopics, rule: fromZeroTo(1_000_000_000)},
		{key: "ingest.flush_timeout", help: "timeout of a transaction", target: &c.Ingest.FlushTimeout, rule: waitUpTo(time.Hour)},
		{key: "duplicates.reports", help: "maximum number of repeated keys of each topic that are reported (/duplicates): that many without a conflict, and that many with one; the newest stay", target: &c.Duplicates.Reports, rule: upTo(100_000)},
		{key: "duplicates.total_reports", help: "maximum number of repeated keys of all topics that are reported; the newest stay", target: &c.Duplicates.TotalReports, rule: upTo(1_000_000)},
		{key: "duplicates.policy", help: "what happens to duplicates of a topic, as PATTERN=report, PATTERN=ignore (not reported) or PATTERN=reject (a conflict gets 409); the first pattern counts", target: &c.Duplicates.Policy, rule: policies},
		{key: "retention.max_age", help: "age after which event data is dropped, such as 720h (0: never); identities and counters stay", target: &c.Retention.MaxAge, rule: ageFromSecond},
		{key: "retention.identity_max_age", help: "age after which identities are deleted, too, so that a repeat is stored again (0: never); at least retention.max_age", target: &c.Retention.IdentityMaxAge, rule: ageFromSecond},
		{key: "broker.url", help: "Redis for the optional queue: redis://…, rediss://… or unix://… (empty: no queue)", target: &c.Broker.URL, rule: brokerURL, secret: true},
		{key: "broker.ack", help: "what a response means with a queue: durable (stored, or queued if the database is unavailable) or queued", target: &c.Broker.Ack, values: []string{"durable", "queued"}},
		{key: "broker.role", help: "work of this instance with a queue: all, api (accepts events) or worker (stores queued events)", target: &c.Broker.Role, values: []string{"all", "api", "worker"}},
		{key: "broker.workers", help: "number of workers, each of which stores queued events in its own transaction (0: none)", target: &c.Broker.Workers, rule: fromZeroTo(64)},
		{key: "broker.max_events", help: "maximum number of queued events, for all instances; when full, requests get 503", target: &c.Broker.MaxEvents, rule: upTo(1 << 40)},
		{key: "broker.max_bytes", help: "maximum size of the queue, for all instances; when full, requests get 503", target: &c.Broker.MaxBytes, rule: sizeUpTo(1 << 40)},
		{key: "broker.prefix", help: "prefix of all Redis keys", target: &c.Broker.Prefix, rule: keyPrefix},
		{key: "broker.streams", help: "number of Redis streams to shard the queue over; more than 1 is for Redis Cluster", target: &c.Broker.Streams, rule: upTo(256)},
		{key: "broker.min_replicas", help: "number of Redis replicas that must have an event before 202, so that it survives the loss of a machine", target: &c.Broker.MinReplicas, rule: fromZeroTo(16)},
		{key: "broker.allow_weak_durability", help: "allow a Redis that may lose acknowledged events (without appendfsync always)", target: &c.Broker.AllowWeakDurability, rule: anything},
		{key: "limits.events", help: "events a second that each address without a key may send, on this instance; more get 429, NDJSON is slowed down (0: no limit)", target: &c.Limits.Events, rule: fromZeroTo(1_000_000_000)},
		{key: "limits.bytes", help: "size a second that each address without a key may send, after decompression; more get 429, NDJSON is slowed down (0: no limit)", target: &c.Limits.Bytes, rule: sizeFromZeroTo(1 << 40)},
		{key: "log.level", help: "minimum log level: debug, info, warn or error", target: &c.Log.Level, values: []string{"debug", "info", "warn", "error"}},
		{key: "log.format", help: "log format: text or json", target: &c.Log.Format, values: []string{"text", "json"}},
		{key: "client.url", help: "base URL of the server that commands send requests to", target: &c.Client.URL, rule: clientURL, secret: true},
		{key: "client.api_key", help: "API key for the server; the flag takes only -, which reads the key from standard input", target: &c.Client.APIKey, rule: apiKey, secret: true},
		{key: "client.api_key_file", help: "file of the API key for the server", target: &c.Client.APIKeyFile, rule: filePath},
		{key: "client.ca", help: "file of the authorities to trust, in PEM format (empty: those of the system)", target: &c.Client.CA, rule: filePath},
		{key: "client.cert", help: "file of the client's TLS certificate, in PEM format, for servers with tls.client_ca", target: &c.Client.Cert, rule: filePath},
		{key: "client.key", help: "file of the private key of client.cert, in PEM format", target: &c.Client.Key, rule: filePath},
		{key: "client.headers", help: "header of every request, such as 'X-Tenant: blue', or @FILE with one a line, for secrets; the flag can be repeated", target: &c.Client.Headers, rule: headerLines, secret: true},
		{key: "client.insecure_http", help: "send the API key over http:// to another machine, too, where others on the network can read it", target: &c.Client.InsecureHTTP, rule: anything},
	}
}

// flag returns the name of the setting's flag: the key with dashes. A few flags
// that are typed often have only the last part.
func (s setting) flag() string {
	switch s.key {
	case "auth.insecure":
		return "insecure-no-auth"
	case "client.headers":
		return "header"
	case "client.url", "client.api_key", "client.api_key_file", "client.insecure_http", "broker.role", "broker.workers", "database.migrate":
		_, name, _ := strings.Cut(s.key, ".")
		return strings.ReplaceAll(name, "_", "-")
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.key)
}

// variable returns the name of the setting's environment variable.
func (s setting) variable() string {
	return "EVENTAGG_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// isSize reports whether the setting is a number of bytes, which may have a unit.
func (s setting) isSize() bool {
	return strings.HasSuffix(s.key, "_bytes") || strings.HasSuffix(s.key, ".bytes")
}

// kindBool is the kind of a setting that is true or false.
const kindBool = "true|false"

// kindLines is the kind of a setting whose flag can be repeated.
const kindLines = "header"

// kind returns the placeholder of the value in help texts.
func (s setting) kind() string {
	if s.isSize() {
		return "size"
	}
	switch s.target.(type) {
	case *Lines:
		return kindLines
	case *List, *YAML:
		return "list"
	case *time.Duration:
		return "duration"
	case *int, *int64:
		return "number"
	case *bool:
		return kindBool
	default:
		return "text"
	}
}

// value returns the value as string, List, YAML, bool, int64 or time.Duration.
func (s setting) value() any {
	switch target := s.target.(type) {
	case *string:
		return *target
	case *List:
		return *target
	case *Lines:
		return *target
	case *YAML:
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

// text returns the value as it is written in flags, variables and the file.
func (s setting) text() string {
	if bytes, ok := s.value().(int64); ok && s.isSize() {
		return size.Format(bytes)
	}
	duration, ok := s.value().(time.Duration)
	if !ok {
		return fmt.Sprint(s.value())
	}
	text := duration.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// redacted returns the value as text, without a password.
func (s setting) redacted() string {
	switch {
	case (s.key == "client.api_key" || s.key == "client.headers" || s.key == "auth.keys") && s.text() != "":
		return hidden
	case s.secret:
		return Redact(s.text())
	}
	return s.text()
}

func (s setting) check() string { return s.wrong(s.value()) }

// wrong returns what is wrong with a value, or nothing.
func (s setting) wrong(value any) string {
	if s.rule == nil {
		return oneOf(s.values...)(value)
	}
	return s.rule(value)
}

// set parses a value: text from flags and variables, or a value from YAML. It
// returns what is wrong with its type, or nothing.
func (s setting) set(raw any) string {
	switch target := s.target.(type) {
	case *string:
		text, ok := raw.(string)
		if number, isNumber := raw.(float64); isNumber && s.wrong(fmt.Sprint(number)) == "" {
			text, ok = fmt.Sprint(number), true // YAML without quotes: min_version: 1.3
		}
		if !ok {
			return "must be text" + s.notClause(raw)
		}
		*target = text
	case *List:
		list, ok := parseList(raw)
		if !ok {
			return "must be a list of texts without commas"
		}
		*target = list
	case *Lines:
		lines, ok := parseLines(raw)
		if !ok {
			return "must be a list of texts"
		}
		*target = lines
	case *YAML:
		text, err := parseYAML(raw)
		if err != nil {
			return "must be a list of keys" + s.notClause(raw)
		}
		*target = text
	case *bool:
		choice, err := strconv.ParseBool(fmt.Sprint(raw))
		if err != nil {
			return "must be true or false" + s.notClause(raw)
		}
		*target = choice
	case *int:
		number, ok := s.parseNumber(raw)
		if !ok || number < math.MinInt || number > math.MaxInt {
			return s.expectedNumber() + s.notClause(raw)
		}
		*target = int(number)
	case *int64:
		number, ok := s.parseNumber(raw)
		if !ok {
			return s.expectedNumber() + s.notClause(raw)
		}
		*target = number
	case *time.Duration:
		text, _ := raw.(string)
		duration, err := time.ParseDuration(text)
		if err != nil {
			return "must be a duration with a unit such as 500ms, 30s or 2m" + s.notClause(raw)
		}
		*target = duration
	}
	return ""
}

// notClause returns the invalid value for an error text: `, not "x"`. It returns
// nothing for a secret.
func (s setting) notClause(raw any) string {
	switch raw := raw.(type) {
	case map[string]any:
		return ", not a section"
	case []any:
		return ", not a list"
	case string:
		if s.secret {
			return ""
		}
		return fmt.Sprintf(", not %q", raw)
	default:
		return fmt.Sprintf(", not %v", raw)
	}
}

// parseNumber parses a whole number, which may have a unit if it is a size.
func (s setting) parseNumber(raw any) (int64, bool) {
	if text, ok := raw.(string); ok && s.isSize() {
		return size.Parse(text)
	}
	return parseInt(raw)
}

func (s setting) expectedNumber() string {
	if s.isSize() {
		return "must be a size such as 16MiB, 16MB or 16777216 (bytes)"
	}
	return "must be a whole number"
}

func parseInt(raw any) (int64, bool) {
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
