package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// Queue is a [queue.Queue] on Redis Streams. Create one with [Open].
type Queue struct {
	options Options
	scripts scripts
	streams []*stream

	// Appends use the connections of writes. Each is checked for durability when it
	// is made. Workers that wait for messages use reads, everything else commands.
	writes, reads, commands goredis.UniversalClient

	durability durability
	unread     unread
	next       atomic.Uint64 // decides which stream the next append tries first
	closed     atomic.Bool
	// withoutWaitAOF is true once the server has said that it has no WAITAOF.
	withoutWaitAOF atomic.Bool
}

// stream is one of the streams of the queue.
type stream struct {
	events, size, dead string // keys
	availability       availability

	mu    sync.Mutex
	drain retry.DrainRate
}

// keys returns the keys of most scripts.
func (s *stream) keys() []string { return []string{s.events, s.size, s.dead} }

// unknownDrain is Retry-After of a full queue whose drain rate is not known yet.
const unknownDrain = 5 * time.Second

var _ queue.Queue = (*Queue)(nil)

// Open returns a queue. An unavailable server is not an error, because it may start
// later. An invalid address is an error.
func Open(_ context.Context, options Options) (*Queue, error) {
	options = options.WithDefaults()
	if err := options.check(); err != nil {
		return nil, err
	}
	// The library writes to stderr what its calls return anyway.
	logging.Disable()
	scripts, err := newScripts()
	if err != nil {
		return nil, err
	}
	q := &Queue{options: options, scripts: scripts}
	for i := range options.Streams {
		// A cluster keeps keys with the same text in braces on one node.
		key := fmt.Sprintf("{%s:%d}:", options.Prefix, i)
		q.streams = append(q.streams, &stream{
			events: key + "events", size: key + "size", dead: key + "dead", drain: retry.DrainRate{Unknown: unknownDrain},
		})
	}
	if q.writes, err = connect(options, q.checkConnection); err != nil {
		return nil, err
	}
	if q.reads, err = connect(options, nil); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	if q.commands, err = connect(options, nil); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// Close closes all connections; queued events stay. Calls in progress may fail.
func (q *Queue) Close() error {
	if q.closed.Swap(true) {
		return nil
	}
	var errs []error
	for _, client := range []goredis.UniversalClient{q.writes, q.reads, q.commands} {
		if client != nil {
			errs = append(errs, client.Close())
		}
	}
	return errors.Join(errs...)
}

// usable returns an error if the queue is closed or the context has ended.
func (q *Queue) usable(ctx context.Context, call string) error {
	if q.closed.Load() {
		return q.translate(ctx, call, goredis.ErrClosed)
	}
	return q.translate(ctx, call, ctx.Err())
}

// Ping reports whether an append would be safe now.
func (q *Queue) Ping(ctx context.Context) error {
	const call = "ping"
	if err := q.usable(ctx, call); err != nil {
		return err
	}
	if err := q.verify(ctx); err != nil {
		return q.translate(ctx, call, err)
	}
	// An append without events: a server that loads its data or has lost its cluster
	// permits CONFIG GET and rejects this. All streams at once, so that one that hangs
	// does not use up the time of the others.
	results := make(chan error, len(q.streams))
	for _, s := range q.streams {
		go func() {
			results <- q.try(ctx, call, s, func() error {
				_, err := q.eval(ctx, q.writes, q.scripts.append, s.keys(), 0, 0, 0, 0)
				return err
			})
		}()
	}
	var all partly
	var other error
	for range q.streams {
		other = cmp.Or(other, all.add(<-results))
	}
	if all.reached > 0 {
		return nil
	}
	return cmp.Or(other, all.err())
}

// Size returns how much is queued and not yet acknowledged. It fails if one of the
// streams can't be reached.
func (q *Queue) Size(ctx context.Context) (queue.Size, error) {
	var sum queue.Size
	for _, s := range q.streams {
		var size queue.Size
		err := q.try(ctx, "size", s, func() (err error) {
			size, err = q.sizeOf(ctx, s)
			return err
		})
		if err != nil {
			return queue.Size{}, err
		}
		sum.Events += size.Events
		sum.Bytes += size.Bytes
		sum.DeadLetters += size.DeadLetters
	}
	return sum, nil
}

func (q *Queue) sizeOf(ctx context.Context, s *stream) (queue.Size, error) {
	reply, err := q.eval(ctx, q.commands, q.scripts.size, s.keys())
	if err != nil {
		return queue.Size{}, err
	}
	counts := [3]int64{}
	list, _ := reply.([]any)
	if len(list) != len(counts) {
		return queue.Size{}, unexpectedReply(reply)
	}
	for i, item := range list {
		counts[i], _ = item.(int64)
	}
	return queue.Size{Events: counts[0], Bytes: counts[1], DeadLetters: counts[2]}, nil
}

func unexpectedReply(reply any) error {
	return fmt.Errorf("%w: unexpected reply of a script: %v", store.ErrUnavailable, reply)
}

// Purge deletes the queued events of all streams.
func (q *Queue) Purge(ctx context.Context) (int64, error) {
	var purged int64
	for _, s := range q.streams {
		err := q.try(ctx, "purge", s, func() error {
			reply, err := q.eval(ctx, q.commands, q.scripts.purge, s.keys(), group)
			events, _ := reply.(int64)
			purged += events
			return err
		})
		if err != nil {
			return purged, err
		}
	}
	return purged, nil
}

// LowWatermark returns the earliest of all streams: the time of the first entry, or
// now if the stream is empty. It is unknown if a stream can't be reached.
func (q *Queue) LowWatermark(ctx context.Context) (time.Time, error) {
	var times []time.Time
	err := q.each(ctx, "low watermark", func(_ int, s *stream) error {
		reply, err := q.eval(ctx, q.commands, q.scripts.watermark, []string{s.events})
		if err != nil {
			return err
		}
		id, _ := reply.(string)
		if at, known := timeOf(id); known {
			times = append(times, at)
		}
		return nil
	})
	if err != nil || len(times) < len(q.streams) {
		return time.Time{}, err
	}
	return slices.MinFunc(times, time.Time.Compare), nil
}

// timeOf returns the time at the start of an entry's ID, which the server generates.
func timeOf(id string) (time.Time, bool) {
	text, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}
