package cmd

import (
	"log/slog"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
)

// serverOptions returns the options of the HTTP server: first what is open, then what
// is configured.
func (s *service) serverOptions(c config.Config, routes routes, events store.Store, log *slog.Logger) server.Options {
	options := server.Options{
		Appender:      routes.appender,
		Direct:        routes.direct,
		Async:         routes.async,
		TopicsRefused: routes.topicsRefused,
		Queue:         routes.queue,
		Store:         events,
		TLS:           s.tlsConfig(),
		Tracer:        s.tracer,
		Metrics:       s.metrics.Handler(),
		Logger:        log,
		Now:           time.Now,

		OnRequest:         s.onRequest,
		OnEvents:          s.onEvents,
		OnLimited:         s.metrics.RecordLimited,
		OnConnectionLimit: s.metrics.RecordConnectionLimit,
	}
	if policies := policiesOf(c.Duplicates); policies != nil {
		options.ConflictRejected = policies.Rejected
	}
	if s.keys != nil {
		options.Keys, options.OnAuthFailure = s.keys.set, s.keys.onFailure
	}
	setAccess(&options, c)
	setLimits(&options, c)
	setTimeouts(&options, c)
	return options
}

// setAccess sets which clients the server accepts.
func setAccess(o *server.Options, c config.Config) {
	o.AllowedHosts = c.HTTP.AllowedHosts.Items()
	o.AllowedOrigins = c.HTTP.AllowedOrigins.Items()
	o.Proxies, _ = c.HTTP.TrustedProxies.Prefixes() // was validated
	o.Limits = auth.Limits(c.Limits)
}

// setLimits sets how much the server does at once.
func setLimits(o *server.Options, c config.Config) {
	o.MaxBodyBytes = c.HTTP.MaxBodyBytes
	o.MaxEventBytes = c.HTTP.MaxEventBytes
	o.MaxBatchEvents = c.HTTP.MaxBatchEvents
	o.MaxBufferedBytes = c.HTTP.MaxBufferedBytes
	o.MaxReadBytes = c.HTTP.MaxReadBytes
	o.MaxFollowers = c.HTTP.MaxFollowers
	o.MaxFollowersPerClient = c.HTTP.MaxFollowersPerClient
	o.MaxConnections = c.HTTP.MaxConnections
	o.MaxSlowReads = max(1, c.Database.MaxConns/2) // the other half is for reads that must be fast
}

// setTimeouts sets how long the server waits for clients.
func setTimeouts(o *server.Options, c config.Config) {
	o.ReadHeaderTimeout = c.HTTP.ReadHeaderTimeout
	o.ReadTimeout = c.HTTP.ReadTimeout
	o.WriteTimeout = responseTimeout(c)
	o.IdleTimeout = c.HTTP.IdleTimeout
}

// responseTimeout returns the maximum time from the header of a request to the end of
// its response: reading the body, waiting for a writer, the transaction, and sending.
// If it were shorter, committed events could be left without a response.
func responseTimeout(c config.Config) time.Duration {
	const send = 20 * time.Second
	return c.HTTP.ReadTimeout + ingest.DefaultMaxWait + c.Ingest.FlushTimeout + send
}
