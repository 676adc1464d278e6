package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/server/publish"
	"github.com/eventagg/eventagg/pkg/server/query"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// Reader is what the server reads from: a store without its appends, which go
// through Options.Appender.
type Reader interface {
	store.StatsReader
	store.DuplicateReader
	store.EventReader
	// Ping is [store.Store.Ping].
	Ping(ctx context.Context) error
}

// Queue is what the server reports of a queue: a [queue.Queue] without its
// messages.
type Queue interface {
	Ping(ctx context.Context) error
	Size(ctx context.Context) (queue.Size, error)
}

// Options are the dependencies and limits of a Server. Store is required. The zero
// value of every other field stands for its default.
type Options struct {
	// Appender takes what is published; usually it is the group commit. It must
	// limit the time of an append: its context is not cancelled when the client
	// disconnects. nil: the server takes no events, and only reads.
	Appender store.Appender
	// Direct takes the events of a request with "Prefer: wait=SECONDS". It must
	// return the store's own outcome, never [event.Queued]. Default: Appender.
	Direct store.Appender
	// Async takes the events of a request with "Prefer: respond-async". Default:
	// Appender, which ignores that preference.
	Async store.Appender
	// TopicsRefused returns the topics of events that a limit of topics refuses; see
	// [event.TopicRefused]. It is called for batches of which all events are to be
	// stored or none. nil: no limit.
	TopicsRefused func(context.Context, []event.Event) map[string]bool
	// ConflictRejected reports whether the sender of a conflict in a topic gets an error.
	// nil: never.
	ConflictRejected func(topic string) bool
	// Store is read from.
	Store Reader
	// Queue is the queue beside the store. nil: there is none.
	Queue Queue
	// AllowedHosts are further names in Host; "*.example.com" stands for all names
	// below. IP addresses and names that public DNS can't have are always allowed.
	AllowedHosts []string
	// AllowedOrigins are the origins of other web pages that may send requests, as
	// "https://app.example.com".
	AllowedOrigins []string
	// TLS is the configuration of TLS, with a certificate. nil: plain HTTP.
	TLS *tls.Config
	// Proxies are the addresses of reverse proxies: the client of a request is then the
	// last other address in X-Forwarded-For. nil: every client is the other end of its
	// connection.
	Proxies auth.Proxies
	// Limits are the rates of each address. The zero value means no limits.
	Limits auth.Limits
	// Keys returns the valid keys. nil: the server needs no keys.
	Keys func() *auth.Set
	// Committed is [follow.Options].Committed of the event streams.
	Committed <-chan struct{}
	// Tracer makes a span of each request. nil: no spans.
	Tracer trace.Tracer
	// Logger gets a record of each request, at debug level unless the server is at
	// fault. The default discards them.
	Logger *slog.Logger
	// Metrics handles GET /metrics. nil: 404.
	Metrics http.Handler
	// OnRequest is called after each response, OnEvents with the outcomes of events
	// before their sender gets them, and with the ID of the sender's key, "" without
	// one. Both are called concurrently. nil: no calls.
	OnRequest func(Request)
	OnEvents  func(key string, t event.Tally)
	// OnAuthFailure is called for each request that is refused because of its key:
	// "missing", "invalid", "limited" (too many invalid ones), "scope" or "topic" (the
	// key may not do this), and the ID of the key if it is known. It is called concurrently.
	// nil: no calls.
	OnAuthFailure func(reason, key string)
	// OnLimited is called for each request that exceeds a limit of its client: the ID
	// of its key, "" without one, and whether the request was slowed down instead of
	// refused. It is called concurrently. nil: no calls.
	OnLimited func(key string, slowed bool)
	// OnConnectionLimit is called for each new connection above MaxConnections or above
	// the share of its address: "idle_closed" if idle ones were closed for it,
	// "unavailable" if its requests get 503, "refused" if it is closed. nil: no calls.
	OnConnectionLimit func(result string)

	// MaxBodyBytes is the maximum size of a body after decompression, except of
	// NDJSON. Default: 16 MiB.
	MaxBodyBytes int64
	// MaxEventBytes is the maximum size of one event. Default: 1 MiB.
	MaxEventBytes int64
	// MaxBatchEvents is the maximum number of events in an array. Default: 10,000.
	MaxBatchEvents int
	// MaxFollowers is the maximum number of open event streams. Default: 1,000.
	MaxFollowers int
	// MaxFollowersPerClient is the maximum number of event streams of a client.
	// Default: 100.
	MaxFollowersPerClient int
	// MaxConnections is the maximum number of open connections. It is lowered if the
	// process may not have that many file descriptors. An idle one takes about 30 KB. Over
	// HTTP/2 there may be a quarter as many concurrent requests, and a sixteenth as many
	// connections. Default: 4,096.
	MaxConnections int
	// MaxSlowReads is the maximum number of concurrent reads of many events from the
	// store; half of it are reads of topics. Others wait up to 1.5 s and then get 503.
	// It must be less than the store's connections for reading. Default: 4.
	MaxSlowReads int
	// MaxReadBytes is the maximum memory for responses that clients have not read yet.
	// When it is used up, requests for events get 503. Default: 32 MiB.
	MaxReadBytes int64
	// MaxBufferedBytes is the maximum memory for the bodies of all requests
	// together. When it is used up, requests get 503. Default: 32 MiB.
	MaxBufferedBytes int64

	// ReadHeaderTimeout limits the time for the header of a request. Default: 5 s.
	ReadHeaderTimeout time.Duration
	// ReadTimeout limits the time for header and body. Default: 20 s.
	ReadTimeout time.Duration
	// WriteTimeout limits the time from the end of the header until the response is
	// written. It includes reading the body and the store's own time, so it must be
	// the longest of all. Default: 60 s.
	WriteTimeout time.Duration
	// IdleTimeout limits the time between two requests of a connection. Default:
	// 2 min.
	IdleTimeout time.Duration

	// Version is the program's version in GET /healthz. Default: none.
	Version string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// WithDefaults returns o with zero fields replaced by their defaults.
func (o Options) WithDefaults() Options {
	o.MaxBodyBytes = cmp.Or(o.MaxBodyBytes, 16<<20)
	o.MaxEventBytes = cmp.Or(o.MaxEventBytes, 1<<20)
	o.MaxBatchEvents = cmp.Or(o.MaxBatchEvents, 10_000)
	o.MaxFollowers = cmp.Or(o.MaxFollowers, 1000)
	o.MaxFollowersPerClient = cmp.Or(o.MaxFollowersPerClient, 100)
	o.MaxConnections = cmp.Or(o.MaxConnections, 4096)
	o.MaxSlowReads = cmp.Or(o.MaxSlowReads, 4)
	o.MaxReadBytes = cmp.Or(o.MaxReadBytes, 32<<20)
	o.MaxBufferedBytes = cmp.Or(o.MaxBufferedBytes, 32<<20)
	o.ReadHeaderTimeout = cmp.Or(o.ReadHeaderTimeout, 5*time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 20*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, time.Minute)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 2*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Direct == nil {
		o.Direct = o.Appender
	}
	if o.Async == nil {
		o.Async = o.Appender
	}
	return o
}

// maxHeaderBytes limits the header of a request. The longest sensible one has the
// path of an event: 767 bytes, each of which may be escaped as three. The others are
// cookies of further servers on the machine. 3,000 connections of one address with the
// maximum take 210 MB; with 64 KiB they took 308 MB.
const maxHeaderBytes = 32 << 10

// Server serves the HTTP interface. Make one with [New], start it with
// [Server.Serve] and stop it with [Server.Shutdown].
type Server struct {
	options Options
	echo    *echo.Echo
	http    *http.Server
	publish *publish.Handler
	query   *query.Handler

	store    probe
	queue    *probe // nil without a queue
	draining atomic.Bool
	// shutdown ends when streams of lines must stop, streaming when event streams
	// must.
	shutdown, streaming       context.Context
	endRequests, endStreaming context.CancelFunc

	connections atomic.Pointer[connections] // nil before Serve

	streams  *streams
	ids      requestIDs
	origins  crossOrigin
	failures *auth.Failures
	headers  respond.Headers
	scrapes  atomic.Int64 // running
	files    staticFiles
}

// New builds a server that is ready at once.
func New(options Options) *Server {
	s := &Server{options: options.WithDefaults(), echo: echo.New(), ids: newRequestIDs(), headers: respond.NewHeaders()}
	o := s.options
	s.failures = auth.NewFailures(o.Now)
	s.streams = newStreams(o.MaxConnections)
	s.origins = newCrossOrigin(o.AllowedHosts, o.AllowedOrigins)
	s.shutdown, s.endRequests = context.WithCancel(context.Background())
	s.streaming, s.endStreaming = context.WithCancel(context.Background())
	s.store = probe{ping: o.Store.Ping, now: o.Now}
	if o.Queue != nil {
		s.queue = &probe{ping: o.Queue.Ping, now: o.Now}
	}
	s.publish = publish.New(s.publishOptions())
	s.query = query.New(s.queryOptions())
	s.routes()
	s.http = &http.Server{
		Handler:           s.echo,
		Protocols:         protocols(o.TLS != nil),
		HTTP2:             http2Config(),
		TLSConfig:         o.TLS,
		ReadHeaderTimeout: o.ReadHeaderTimeout,
		ReadTimeout:       o.ReadTimeout,
		WriteTimeout:      o.WriteTimeout,
		IdleTimeout:       o.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       s.connContext,
		ConnState:         trackState,
		// Nearly all errors of net/http are about clients that disconnect.
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

func (s *Server) publishOptions() publish.Options {
	o := s.options
	return publish.Options{
		Appender:         o.Appender,
		Direct:           o.Direct,
		Async:            o.Async,
		TopicsRefused:    o.TopicsRefused,
		ConflictRejected: o.ConflictRejected,
		Stored:           o.Store.Event,
		MayRead:          s.mayRead,
		MaxBodyBytes:     o.MaxBodyBytes,
		MaxEventBytes:    o.MaxEventBytes,
		MaxBatchEvents:   o.MaxBatchEvents,
		MaxBufferedBytes: o.MaxBufferedBytes,
		ReadTimeout:      o.ReadTimeout,
		WriteTimeout:     o.WriteTimeout,
		Shutdown:         s.shutdown,
		Limiter:          auth.NewLimiter(o.Now),
		OnLimited:        s.limited,
		OnEvents:         o.OnEvents,
		Current:          s.current,
		Now:              o.Now,
	}
}

func (s *Server) queryOptions() query.Options {
	o := s.options
	return query.Options{
		Store:                 o.Store,
		Queue:                 o.Queue,
		Committed:             o.Committed,
		MaxFollowers:          o.MaxFollowers,
		MaxFollowersPerClient: o.MaxFollowersPerClient,
		MaxSlowReads:          o.MaxSlowReads,
		MaxReadBytes:          o.MaxReadBytes,
		StillAllowed:          func(id *auth.Identity) bool { return s.current(id) != nil },
		Streaming:             s.streaming,
		Logger:                o.Logger,
		Now:                   o.Now,
	}
}

// protocols returns the versions of HTTP on the port. With TLS a handshake agrees on the
// version. Without it, some clients know that this server speaks HTTP/2 (h2c).
func protocols(encrypted bool) *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(encrypted)
	p.SetUnencryptedHTTP2(!encrypted)
	return &p
}

// Handler returns the whole interface as one handler, for tests and for embedding.
// It has none of the timeouts.
func (s *Server) Handler() http.Handler { return s.echo }

// Serve accepts connections until [Server.Shutdown], and then returns nil. It uses TLS if
// Options.TLS is set. Meanwhile it records the series of the totals.
func (s *Server) Serve(listener net.Listener) error {
	ctx, stop := context.WithCancel(s.shutdown)
	defer stop()
	go s.query.Run(ctx)
	listener = s.limitConnections(listener, DescriptorLimit())
	serve := s.http.Serve
	if s.options.TLS != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// limitConnections returns a listener that accepts as many connections as the options
// and the limit of file descriptors allow.
func (s *Server) limitConnections(listener net.Listener, descriptors int) net.Listener {
	limited := newConnections(
		&descriptorListener{Listener: listener, limit: descriptors, log: s.options.Logger},
		connectionLimit(s.options.MaxConnections, descriptors), s.options)
	s.connections.Store(limited)
	return limited
}

// Connections returns the number of open connections.
func (s *Server) Connections() int {
	if limited := s.connections.Load(); limited != nil {
		return limited.count()
	}
	return 0
}

// Drain makes GET /readyz respond 503, so that load balancers choose other
// instances, and closes each connection after its next response. Event streams
// end; clients resume them elsewhere. All other requests are still served.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.endStreaming()
}

// Shutdown drains, stops accepting, and waits for running requests. After half of
// the time until the deadline of ctx it ends streams of lines; their responses say
// how far they came. If ctx ends first, it closes all connections and returns the
// context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	defer s.endRequests()
	if deadline, ok := ctx.Deadline(); ok {
		late := time.AfterFunc(time.Until(deadline)/2, s.endRequests)
		defer late.Stop()
	}
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("finish requests: %w", err), s.http.Close())
	}
	return nil
}
