package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/follow"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/server/openapi"
	"github.com/eventagg/eventagg/pkg/store"
)

// Reader is what the server reads from: all of a store but its appends, which
// go through Options.Appender.
type Reader interface {
	store.StatsReader
	store.EventReader
	// Ping is [store.Store.Ping].
	Ping(ctx context.Context) error
}

// Queue is what the server tells of a queue: all of a [queue.Queue] but its
// messages.
type Queue interface {
	Ping(ctx context.Context) error
	Size(ctx context.Context) (queue.Size, error)
}

// Options say what a Server serves and within which limits. Store is required;
// the zero value of every other field stands for its default.
type Options struct {
	// Appender takes what is published, usually the group commit. It bounds
	// how long an append takes: it hears nothing of a client that goes away.
	// Without one the server takes no events, and only tells of them.
	Appender store.Appender
	// Direct takes what a client wants the store's own answer for, with
	// "Prefer: wait=SECONDS". It never answers [event.Queued]. Default
	// Appender.
	Direct store.Appender
	// Async takes what may be stored later, with "Prefer: respond-async".
	// Default Appender, which is to ignore that wish.
	Async store.Appender
	// Store answers everything else.
	Store Reader
	// Queue is what stands beside the store, nil for nothing.
	Queue Queue
	// Committed is [follow.Options].Committed of the event streams.
	Committed <-chan struct{}
	// Tracer makes a span of each request, nil for none.
	Tracer trace.Tracer
	// Logger hears a line about each request, at debug level unless the
	// server is at fault. Default nobody.
	Logger *slog.Logger
	// Metrics answers GET /metrics, nil for 404.
	Metrics http.Handler
	// OnRequest hears of every request that was answered, OnEvents of events
	// whose fate is known, before their sender does. Both are called by many
	// goroutines at once; nil is nobody.
	OnRequest func(Request)
	OnEvents  func(Outcomes)

	// MaxBodyBytes is how long any request body may be, default 16 MiB.
	MaxBodyBytes int64
	// MaxEventBytes is how long the text of one event may be, default 1 MiB.
	MaxEventBytes int64
	// MaxBatchEvents is how many events an array may have, default 10,000.
	MaxBatchEvents int
	// MaxFollowers is how many event streams may be open, default 1,000.
	MaxFollowers int
	// MaxBufferedBytes is how much memory the bodies of all requests may take
	// together, default 32 MiB.
	MaxBufferedBytes int64

	// ReadHeaderTimeout is how long a client may take for the head of a
	// request, default 5 seconds.
	ReadHeaderTimeout time.Duration
	// ReadTimeout is how long it may take for head and body, default 30
	// seconds.
	ReadTimeout time.Duration
	// WriteTimeout is how long it may take from the end of the head until the
	// whole answer is written, default 60 seconds. Reading the body and the
	// store's own time count, so it must be the longest of all.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may stay open between two
	// requests, default 2 minutes.
	IdleTimeout time.Duration

	// Version is what GET /healthz says the program's version is, default
	// nothing.
	Version string
	// Now is the clock, default time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	o.MaxBodyBytes = cmp.Or(o.MaxBodyBytes, 16<<20)
	o.MaxEventBytes = cmp.Or(o.MaxEventBytes, 1<<20)
	o.MaxBatchEvents = cmp.Or(o.MaxBatchEvents, 10_000)
	o.MaxBufferedBytes = cmp.Or(o.MaxBufferedBytes, 32<<20)
	o.ReadHeaderTimeout = cmp.Or(o.ReadHeaderTimeout, 5*time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 30*time.Second)
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

// maxHeaderBytes bounds the head of a request. The longest sensible one is an
// event's address, 767 bytes that may each be escaped to three.
const maxHeaderBytes = 64 << 10

// readTimeout is how long the store may take over one read.
const readTimeout = 15 * time.Second

// Server answers the HTTP interface. Make one with [New], let it serve with
// [Server.Serve] and end it with [Server.Shutdown].
type Server struct {
	options Options
	echo    *echo.Echo
	http    *http.Server
	started time.Time

	store    probe
	queue    *probe // nil without a queue
	draining atomic.Bool
	cut      context.Context // ends when streams of lines are to end
	cutNow   context.CancelFunc

	feed       *follow.Hub
	streaming  context.Context // ends when event streams are to end
	endStreams context.CancelFunc
	series     series
	scrapes    atomic.Int64 // under way

	ids      requestIDs
	rules    []rule
	overload limiter
	headers  headers
	budget   budget
	work     sync.Pool // of *publishing
	document func() ([]byte, error)
}

// headers are the values of header fields that many answers share, so that the
// busy ones need not make them each time. Nobody writes to them.
type headers struct {
	json, problem, closing []string
}

// New builds a server that is ready at once.
func New(options Options) *Server {
	s := &Server{
		options: options.withDefaults(),
		echo:    echo.New(),
		ids:     newRequestIDs(),
		rules:   rules(),
		headers: headers{json: []string{typeJSON}, problem: []string{typeProblem}, closing: []string{"close"}},
	}
	s.started = s.options.Now()
	s.cut, s.cutNow = context.WithCancel(context.Background())
	s.streaming, s.endStreams = context.WithCancel(context.Background())
	s.feed = follow.New(s.options.Store, follow.Options{
		Encode: appendMessage, Committed: s.options.Committed, MaxFollowers: s.options.MaxFollowers, Logger: s.options.Logger,
	})
	s.series = series{read: s.options.Store.Stats, now: s.options.Now}
	s.store = probe{ping: s.options.Store.Ping, now: s.options.Now}
	if s.options.Queue != nil {
		s.queue = &probe{ping: s.options.Queue.Ping, now: s.options.Now}
	}
	s.budget.limit, s.budget.now = s.options.MaxBufferedBytes, s.options.Now
	s.work.New = s.newPublishing
	s.document = sync.OnceValues(openapi.JSON)
	s.routes()
	s.http = &http.Server{
		Handler:           s.echo,
		ReadHeaderTimeout: s.options.ReadHeaderTimeout,
		ReadTimeout:       s.options.ReadTimeout,
		WriteTimeout:      s.options.WriteTimeout,
		IdleTimeout:       s.options.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// What net/http has to say is about clients that break off.
		ErrorLog: slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
	}
	return s
}

// Handler returns the whole interface as one handler, for tests and for
// embedding it elsewhere. It has none of the timeouts.
func (s *Server) Handler() http.Handler { return s.echo }

// Serve answers on listener until [Server.Shutdown], and then returns nil.
// Meanwhile it keeps the series of the totals.
func (s *Server) Serve(listener net.Listener) error {
	ctx, stop := context.WithCancel(s.cut)
	defer stop()
	go s.series.run(ctx)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// Drain makes GET /readyz answer 503 from now on, so that load balancers look
// elsewhere, and asks each client with its next answer to close its
// connection. Event streams end, to be resumed elsewhere. All other requests are
// still served.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.endStreams()
}

// cutOnShutdown calls end when streams of no known length have had their time at
// a shutdown; stop gives that up.
func (s *Server) cutOnShutdown(end func()) (stop func() bool) {
	return context.AfterFunc(s.cut, end)
}

// Shutdown drains, stops accepting, and waits for the requests under way. After
// half of the time that ctx gives, streams of lines are ended and told how far
// they came. When
// ctx ends first it cuts them off and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	defer s.cutNow()
	if deadline, ok := ctx.Deadline(); ok {
		const share = 2 // of the time is for streams that end by themselves
		late := time.AfterFunc(time.Until(deadline)/share, s.cutNow)
		defer late.Stop()
	}
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("finish requests: %w", err), s.http.Close())
	}
	return nil
}
