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
	"github.com/eventagg/eventagg/pkg/store"
)

// Queue is a [queue.Queue] on Redis Streams. Make one with [Open].
type Queue struct {
	options Options
	scripts scripts
	streams []*stream

	// writes has the connections that events go through; each of them is
	// checked when it is made. A worker that waits for messages occupies one of
	// reads; everything else goes through commands.
	writes, reads, commands goredis.UniversalClient

	durability durability
	next       atomic.Uint64 // which stream the next append tries first
	closed     atomic.Bool
}

// stream is one of the streams that the queue is spread over.
type stream struct {
	events, size, dead string // keys
	drain              drain
	reach              reach
}

var _ queue.Queue = (*Queue)(nil)

// Open makes a queue. A server that is away is no error, since it may come
// later; an address that can't be read is.
func Open(_ context.Context, options Options) (*Queue, error) {
	options = options.withDefaults()
	if err := options.check(); err != nil {
		return nil, err
	}
	// The library writes to the standard error what its calls answer anyway.
	logging.Disable()
	scripts, err := newScripts()
	if err != nil {
		return nil, err
	}
	q := &Queue{options: options, scripts: scripts}
	for i := range options.Streams {
		// The braces make a cluster keep the three keys together.
		key := fmt.Sprintf("{%s:%d}:", options.Prefix, i)
		q.streams = append(q.streams, &stream{events: key + "events", size: key + "size", dead: key + "dead"})
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

// Close frees everything; what is queued stays. Calls under way may fail.
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

// usable reports a call that comes after Close or whose context has ended.
func (q *Queue) usable(ctx context.Context, what string) error {
	if q.closed.Load() {
		return q.translate(ctx, what, goredis.ErrClosed)
	}
	return q.translate(ctx, what, ctx.Err())
}

// Ping reports whether an append would be safe now.
func (q *Queue) Ping(ctx context.Context) error {
	const what = "ping"
	if err := q.usable(ctx, what); err != nil {
		return err
	}
	if err := q.verify(ctx); err != nil {
		return q.translate(ctx, what, err)
	}
	// An append of nothing: a server that loads its data or has lost its
	// cluster answers CONFIG GET and refuses this. All at once, so that one that
	// hangs doesn't use up the time of the others.
	answers := make(chan error, len(q.streams))
	for _, s := range q.streams {
		go func() {
			answers <- q.try(ctx, what, s, func() error {
				_, err := q.eval(ctx, q.writes, q.scripts.append, []string{s.events, s.size}, 0, 0, 0, 0)
				return err
			})
		}()
	}
	var all partly
	var other error
	for range q.streams {
		other = cmp.Or(other, all.add(<-answers))
	}
	if all.reached > 0 {
		return nil
	}
	return cmp.Or(other, all.err())
}

// Size tells how much is queued and not yet done, which nobody knows while one
// of the streams is away.
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
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	values, err := q.commands.HMGet(ctx, s.size, "events", "bytes", "dead").Result()
	if err != nil {
		return queue.Size{}, err
	}
	counts := make([]int64, len(values))
	for i, value := range values {
		if text, there := value.(string); there {
			if counts[i], err = strconv.ParseInt(text, 10, 64); err != nil {
				return queue.Size{}, fmt.Errorf("%w: key %s: %w", store.ErrUnavailable, s.size, err)
			}
		}
	}
	return queue.Size{Events: counts[0], Bytes: counts[1], DeadLetters: counts[2]}, nil
}

// LowWatermark is the earliest of the streams' own: the time of the first entry, or
// now where there is none. While one of them is away nothing can be said.
func (q *Queue) LowWatermark(ctx context.Context) (time.Time, error) {
	var times []time.Time
	err := q.each(ctx, "horizon", func(_ int, s *stream) error {
		answer, err := q.eval(ctx, q.commands, q.scripts.watermark, []string{s.events})
		if err != nil {
			return err
		}
		id, _ := answer.(string)
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

// timeOf is the moment that an entry's id begins with; the server makes them so.
func timeOf(id string) (time.Time, bool) {
	text, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}

// drain measures how fast a stream empties, from what the server counts.
type drain struct {
	mu   sync.Mutex
	at   time.Time
	done int64
	rate float64 // events per second
	seen bool    // whether rate was measured
}

// What a full queue is worth waiting for: the least, the most, and where no rate
// is known.
const (
	leastDrain   = time.Second
	mostDrain    = time.Minute
	unknownDrain = 5 * time.Second
)

// observe takes a sample. One second at least lies between two that count.
func (d *drain) observe(now time.Time, done int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	elapsed := now.Sub(d.at)
	switch {
	case d.at.IsZero() || done < d.done || elapsed < 0: // the first, or the server began anew
		d.seen = false
	case elapsed < time.Second:
		return
	default:
		rate := float64(done-d.done) / elapsed.Seconds()
		if d.seen {
			rate = (rate + d.rate) / 2
		}
		d.rate, d.seen = rate, true
	}
	d.at, d.done = now, done
}

// wait is how long the stream takes for so many events.
func (d *drain) wait(backlog int64) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.seen {
		return unknownDrain
	}
	if d.rate*mostDrain.Seconds() <= float64(backlog) {
		return mostDrain
	}
	return max(leastDrain, time.Duration(float64(backlog)/d.rate*float64(time.Second)))
}
