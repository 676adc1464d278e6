package query

import (
	"context"
	"log/slog"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/follow"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/server/memory"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// readTimeout is the maximum time that the store may take for one read.
const readTimeout = 15 * time.Second

// Store is the part of a store that is read from.
type Store interface {
	store.StatsReader
	store.DuplicateReader
	store.EventReader
}

// Queue is the part of a queue that statistics need.
type Queue interface {
	Size(ctx context.Context) (queue.Size, error)
}

// Options are the dependencies and limits of a Handler. Store, Streaming, Logger
// and Now are required.
type Options struct {
	Store Store
	// Queue is nil if there is none.
	Queue Queue
	// Committed is [follow.Options].Committed of the event streams.
	Committed <-chan struct{}
	// MaxFollowers is the maximum number of open event streams, 0 for the default
	// of [follow.Options].
	MaxFollowers int
	// MaxFollowersPerClient is the maximum number of event streams of a client.
	MaxFollowersPerClient int
	// MaxSlowReads is the maximum number of concurrent reads of many events. Half of
	// it is the maximum for topics. Fewer than the connections of the store leave
	// some for everything else.
	MaxSlowReads int
	// MaxReadBytes is the maximum memory for responses that clients have not read yet.
	MaxReadBytes int64
	// StillAllowed reports whether the client of an event stream may continue. It is
	// called every 15 seconds. nil: always.
	StillAllowed func(*auth.Identity) bool
	// Streaming ends when event streams must end.
	Streaming context.Context
	Logger    *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Handler handles the requests that read.
type Handler struct {
	options Options
	headers respond.Headers
	started time.Time
	hub     *follow.Hub
	// followers counts the streams of each client.
	followers *followers
	series    series
	// events and topics, which duplicates share, are separate, so that neither delays the other.
	events, topics budget
	memory         *memory.Budget
	refusals       refusals
}

// New returns a Handler. Its uptime begins now.
func New(options Options) *Handler {
	return &Handler{
		options: options, headers: respond.NewHeaders(), started: options.Now(),
		hub: follow.New(options.Store, follow.Options{
			Encode: appendMessage, Committed: options.Committed, MaxFollowers: options.MaxFollowers, Logger: options.Logger,
		}),
		followers: newFollowers(options.MaxFollowersPerClient),
		series:    series{read: options.Store.Stats, now: options.Now},
		events:    newBudget(options.MaxSlowReads), topics: newBudget(options.MaxSlowReads / 2),
		refusals: refusals{now: options.Now},
		memory:   memory.NewBudget(options.MaxReadBytes, respond.ErrReadMemory, options.Now),
	}
}

// Run takes the points of the series until ctx ends.
func (h *Handler) Run(ctx context.Context) { h.series.run(ctx) }

// Followers returns the number of open event streams.
func (h *Handler) Followers() int { return h.hub.Followers() }

// BufferedBytes returns the memory that is charged for responses at the moment.
func (h *Handler) BufferedBytes() int64 { return h.memory.Used() }
