package config_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestValidate_AcceptsAndRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*config.Config)
		key    string // empty: valid
		want   string
	}{
		"the default":                            {change: func(*config.Config) {}},
		"a port without a host":                  {change: func(c *config.Config) { c.HTTP.Addr, c.Auth.Insecure = ":0", true }},
		"an address of the network without keys": {func(c *config.Config) { c.HTTP.Addr = ":8000" }, "http.addr", "eventagg key new"},
		"all addresses of IPv6 without keys":     {func(c *config.Config) { c.HTTP.Addr = "[::]:8000" }, "http.addr", "--insecure-no-auth"},
		"a name without keys":                    {func(c *config.Config) { c.HTTP.Addr = "db.internal:8000" }, "http.addr", "no API keys"},
		"a name of this machine":                 {change: func(c *config.Config) { c.HTTP.Addr = "localhost:8000" }},
		"another loopback address":               {change: func(c *config.Config) { c.HTTP.Addr = "127.8.8.8:8000" }},
		"an address of the network with keys":    {change: func(c *config.Config) { c.HTTP.Addr, c.Auth.KeysFile = ":8000", "keys.yaml" }},
		"keys in the configuration":              {change: func(c *config.Config) { c.HTTP.Addr, c.Auth.Keys = ":8000", "- {}" }},
		"keys, and insecure": {
			func(c *config.Config) { c.Auth.KeysFile, c.Auth.Insecure = "keys.yaml", true }, "auth.insecure", "must be false if there are keys",
		},
		"public scopes without keys": {func(c *config.Config) { c.Auth.Public = "metrics" }, "auth.public", "needs keys"},
		"an unknown public scope":    {func(c *config.Config) { c.Auth.KeysFile, c.Auth.Public = "k", "admin" }, "auth.public", "not admin"},
		"an IPv6 address":            {change: func(c *config.Config) { c.HTTP.Addr = "[::1]:80" }},
		"a port that is too high": {
			func(c *config.Config) { c.HTTP.Addr = "h:65536" }, "http.addr", `not "h:65536"`,
		},
		"a port by name":                        {func(c *config.Config) { c.HTTP.Addr = "h:http" }, "http.addr", "must be host:port"},
		"an SQLite file":                        {change: func(c *config.Config) { c.Database.URL = "sqlite:/var/lib/a b?.db" }},
		"an SQLite file with slashes":           {change: func(c *config.Config) { c.Database.URL = "sqlite:///var/lib/a.db" }},
		"a PostgreSQL URL":                      {change: func(c *config.Config) { c.Database.URL = "postgres://u:p%40@h:1/d?sslmode=disable" }},
		"a PostgreSQL URL with the long scheme": {change: func(c *config.Config) { c.Database.URL = "postgresql:///d?host=/run" }},
		"an SQLite URL without a file": {
			func(c *config.Config) { c.Database.URL = "sqlite:" }, "database.url", "must name a file",
		},
		"an SQLite database in memory": {
			func(c *config.Config) { c.Database.URL = "sqlite::memory:" }, "database.url", "in memory",
		},
		"another database": {
			func(c *config.Config) { c.Database.URL = "mysql://u:geheim@h/d" }, "database.url", "must be empty, sqlite:PATH or postgres://",
		},
		"a path without a scheme": {
			func(c *config.Config) { c.Database.URL = "/var/geheim" }, "database.url", "must be empty, sqlite:PATH",
		},
		"a password that breaks the URL": {
			func(c *config.Config) { c.Database.URL = "postgres://u:geheim%@h/d" }, "database.url", "%40 for @",
		},
		"a PostgreSQL URL without slashes": {
			func(c *config.Config) { c.Database.URL = "postgres:geheim" }, "database.url", "invalid URL",
		},
		"no connections": {
			func(c *config.Config) { c.Database.MaxConns = 0 }, "database.max_conns", "must be between 1 and 1000, not 0",
		},
		"no timeout": {
			func(c *config.Config) { c.Ingest.FlushTimeout = 0 }, "ingest.flush_timeout", "must be between 1ms and 1h0m0s, not 0s",
		},
		"a pooler in transaction mode": {change: func(c *config.Config) { c.Database.Pooler = "transaction" }},
		"a pooler in session mode": {
			func(c *config.Config) { c.Database.Pooler = "session" }, "database.pooler", `must be none or transaction, not "session"`,
		},
		"a delay": {change: func(c *config.Config) { c.HTTP.DrainDelay = 3 * time.Second }},
		"a negative delay": {
			func(c *config.Config) { c.HTTP.DrainDelay = -time.Second }, "http.drain_delay", "must be between 0s and 1h0m0s, not -1s",
		},
		"ack queued": {change: func(c *config.Config) { c.Broker.Ack = "queued" }},
		"another ack": {
			func(c *config.Config) { c.Broker.Ack = "maybe" }, "broker.ack", `must be durable or queued, not "maybe"`,
		},
		"a queue":                      {change: func(c *config.Config) { c.Broker.URL = "redis://:geheim@h" }},
		"a queue behind TLS":           {change: func(c *config.Config) { c.Broker.URL = "rediss://u:geheim@h:6379/2" }},
		"a queue's socket":             {change: func(c *config.Config) { c.Broker.URL = "unix:///run/redis.sock" }},
		"a cluster of queues":          {change: func(c *config.Config) { c.Broker.URL = "redis://a:6379?addr=b:6379" }},
		"a worker":                     {change: func(c *config.Config) { c.Broker.URL, c.Broker.Role = "redis://h", "worker" }},
		"no workers":                   {change: func(c *config.Config) { c.Broker.Workers = 0 }},
		"a queue that may lose events": {change: func(c *config.Config) { c.Broker.AllowWeakDurability = true }},
		"another kind of queue": {
			func(c *config.Config) { c.Broker.URL = "amqp://:geheim@h" }, "broker.url", "must be empty, redis://HOST:PORT",
		},
		"a queue without a host": {
			func(c *config.Config) { c.Broker.URL = "redis://:6379" }, "broker.url", "must be empty, redis://HOST:PORT",
		},
		"a queue's socket without a path": {
			func(c *config.Config) { c.Broker.URL = "unix://" }, "broker.url", "or unix://PATH",
		},
		"a worker without a queue": {
			func(c *config.Config) { c.Broker.Role = "worker" }, "broker.role", "must be all if broker.url is empty",
		},
		"many workers": {change: func(c *config.Config) { c.Broker.URL, c.Broker.Workers = "redis://h", 4 }},
		"many workers without a queue": {
			func(c *config.Config) { c.Broker.Workers = 4 }, "broker.workers", "must be 1 or 0 if broker.url is empty",
		},
		"fewer than no workers": {
			func(c *config.Config) { c.Broker.Workers = -1 }, "broker.workers", "must be between 0 and 64, not -1",
		},
		"braces in the prefix": {
			func(c *config.Config) { c.Broker.Prefix = "a{b}" }, "broker.prefix", "without spaces and braces",
		},
		"a server with a path": {change: func(c *config.Config) { c.Client.URL = "https://h/eventagg/" }},
		"a server without a scheme": {
			func(c *config.Config) { c.Client.URL = "localhost:8000" }, "client.url", "use http://localhost:8000",
		},
		"a server's address without a scheme": {
			func(c *config.Config) { c.Client.URL = "127.0.0.1:8000" }, "client.url", "must begin with http:// or https://: use http://127.0.0.1:8000",
		},
		"an IPv6 address without a scheme": {
			func(c *config.Config) { c.Client.URL = "[::1]:8000" }, "client.url", "use http://[::1]:8000",
		},
		"a user and a password for a host and a port": {
			func(c *config.Config) { c.Client.URL = "u:geheim@h:80" }, "client.url", "must be http://HOST:PORT",
		},
		"a password of digits": {
			func(c *config.Config) { c.Client.URL = "u@h:1234" }, "client.url", "must be http://HOST:PORT",
		},
		"a word": {
			func(c *config.Config) { c.Client.URL = "localhost" }, "client.url", "must be http://HOST:PORT",
		},
		"a server with a query": {
			func(c *config.Config) { c.Client.URL = "http://u:geheim@h/?a=b" }, "client.url", "without a query",
		},
		"a server with a space": {
			func(c *config.Config) { c.Client.URL = "http://u:geheim@h h" }, "client.url", "must be http://HOST:PORT",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config.Default()
			test.change(&c)
			before := c
			err := c.Validate()
			if c != before {
				t.Errorf("Validate changed %v to %v", before, c)
			}
			if test.key == "" {
				if err != nil {
					t.Errorf("rejected: %v", err)
				}
				return
			}
			got := problems(t, err)
			if len(got) != 1 || !strings.Contains(got[test.key], test.want) {
				t.Errorf("problems %v, expected only %s with %q", got, test.key, test.want)
			}
			if strings.Contains(err.Error()+c.String(), "geheim") && test.key != "database.url" {
				t.Errorf("a password shows: %v\n%v", err, c)
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("a password shows: %v", err)
			}
		})
	}
}
