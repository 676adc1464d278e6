package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/doctor"
	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// gatherFacts looks at the database, the queue and this machine.
func gatherFacts(ctx context.Context, c config.Config) doctor.Facts {
	f := doctor.Facts{Now: time.Now(), Instance: instanceFacts(c)}
	db := newDatabase(c.Database)
	gatherDatabase(ctx, &f, db, func(ctx context.Context) (err error) {
		if db.path != "" {
			f.SQLite, err = sqlite.Inspect(ctx, db.path, sqlite.InspectOptions{CheckTimeout: integrityTimeout})
		} else {
			f.Postgres, err = postgres.Inspect(ctx, db.options())
		}
		return err
	})
	gatherQueue(ctx, &f, c.Broker)
	return f
}

// gatherDurability looks only at what decides whether events can be lost. A server with
// the same configuration may run, also in this process.
func gatherDurability(ctx context.Context, c config.Config) doctor.Facts {
	f := doctor.Facts{Now: time.Now(), Instance: instanceFacts(c)}
	db := newDatabase(c.Database)
	gatherDatabase(ctx, &f, db, func(ctx context.Context) (err error) {
		if db.path != "" {
			f.SQLite, err = sqlite.Inspect(ctx, db.path, sqlite.InspectOptions{LocationOnly: true})
		} else {
			f.Postgres, err = postgres.Inspect(ctx, db.options(), postgres.FactsSettings, postgres.FactsOverrides, postgres.FactsTables, postgres.FactsStandbys)
		}
		return err
	})
	gatherQueue(ctx, &f, c.Broker)
	return f
}

// gatherDatabase inspects the database and explains the error, if there is one.
func gatherDatabase(ctx context.Context, f *doctor.Facts, db database, inspect func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	if err := inspect(ctx); err != nil {
		f.DatabaseError = fmt.Errorf("inspect the database: %w", db.explain(err))
	}
}

func gatherQueue(ctx context.Context, f *doctor.Facts, c config.Broker) {
	if c.URL == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	f.Queue, f.QueueError = redis.Inspect(ctx, queueOptionsOf(c, slog.New(slog.DiscardHandler)))
	if f.QueueError != nil {
		f.QueueError = withHint(fmt.Errorf("inspect the queue: %w", f.QueueError), "The queue is %s; use --broker-url for another.", config.Redact(c.URL))
	}
}

// instanceFacts returns the facts of the configuration and of this machine.
func instanceFacts(c config.Config) doctor.Instance {
	i := doctor.Instance{
		Connections: c.Database.MaxConns + c.Ingest.Writers + workersOf(c), Pooled: newDatabase(c.Database).pooled, Migrate: c.Database.Migrate,
		Queue: c.Broker.URL != "", QueueMaxBytes: c.Broker.MaxBytes, QueueMaxEvents: c.Broker.MaxEvents, QueueReplicas: c.Broker.MinReplicas,
		QueueExposed: crossesNetwork(c.Broker.URL),
		Address:      c.HTTP.Addr, Loopback: loopbackOnly(c.HTTP.Addr), ClientCertificates: c.TLS.ClientCA != "",
		Proxies:   len(c.HTTP.TrustedProxies.Items()) > 0,
		AnyHost:   slices.Contains(c.HTTP.AllowedHosts.Items(), "*"),
		FileLimit: server.DescriptorLimit(), MaxConnections: c.HTTP.MaxConnections,
	}
	i.CertificateExpires, i.CertificateError = certificateEnd(c.TLS)
	i.TLS = c.TLS.Cert != ""
	gatherKeys(&i, c.Auth)
	return i
}

// certificateEnd returns when the certificate of the port expires.
func certificateEnd(c config.TLS) (time.Time, error) {
	if c.Cert == "" {
		return time.Time{}, nil
	}
	var contents [][]byte
	for _, path := range []string{c.Cert, c.Key, c.ClientCA} {
		if path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return time.Time{}, err
		}
		contents = append(contents, content)
	}
	loaded := certs.NewServer(certs.ServerOptions{})
	if err := loaded.Apply(contents); err != nil {
		return time.Time{}, err
	}
	return loaded.NotAfter(), nil
}

// gatherKeys reads the API keys as serve does.
func gatherKeys(i *doctor.Instance, c config.Auth) {
	if c.KeysFile == "" && c.Keys == "" {
		return
	}
	texts := [][]byte{[]byte(c.Keys)}
	if c.KeysFile != "" {
		text, err := readKeys(c.KeysFile)
		if err != nil {
			i.KeysError = err
			return
		}
		texts = append(texts, text)
	}
	i.KeysExpire = map[string]time.Time{}
	var all []auth.Entry
	for _, text := range texts {
		entries, err := auth.ParseKeys(text)
		if err != nil {
			i.KeysError = err
			return
		}
		all = append(all, entries...)
	}
	for _, entry := range all {
		if !entry.Expires.IsZero() {
			i.KeysExpire[entry.ID] = entry.Expires
		}
	}
	i.Keys = len(all)
	_, i.KeysError = auth.NewSet(all, 0)
}

// loopbackOnly reports whether only this machine can reach an address to listen on.
func loopbackOnly(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// crossesNetwork reports whether a URL of Redis leads to another machine without TLS.
func crossesNetwork(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme == "redis" && parsed.Hostname() != "" && !loopbackOnly(net.JoinHostPort(parsed.Hostname(), "0"))
}
