package redis

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	// unreadInterval is the minimum time between two searches for unread streams.
	unreadInterval = 30 * time.Second
	// silentAfter is the time after which a consumer that has not read is taken for
	// gone. A worker reads several times a second.
	silentAfter = 10 * time.Second
	// maxScans and scanCount limit a search: to about a million keys.
	maxScans, scanCount = 1000, 1000
)

// unread remembers the search for streams with events that no worker reads.
type unread struct {
	mu     sync.Mutex
	last   time.Time
	warned map[string]bool
}

// streamKey is the key of a stream of any queue: its prefix and its number.
var streamKey = regexp.MustCompile(`^\{(.+):(\d+)\}:events$`)

// reportUnread logs a warning once for each stream that has events and that no worker
// reads: broker.prefix or broker.streams was changed. A stream of another prefix that a
// worker reads belongs to another system. The search never fails the queue: if the access
// list of the user does not allow SCAN, it finds no streams of other prefixes.
func (q *Queue) reportUnread(ctx context.Context) {
	u := &q.unread
	u.mu.Lock()
	defer u.mu.Unlock()
	now := q.options.Now()
	if !u.last.IsZero() && now.Sub(u.last) < unreadInterval {
		return
	}
	u.last = now
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	keys, _ := q.otherStreams(ctx)
	for _, key := range keys {
		events, err := q.commands.HGet(ctx, strings.TrimSuffix(key, "events")+"size", "events").Int64()
		if err != nil || events <= 0 || u.warned[key] || q.isRead(ctx, key) {
			continue
		}
		if u.warned == nil {
			u.warned = map[string]bool{}
		}
		u.warned[key] = true
		q.options.Logger.WarnContext(ctx, "queued events are in a stream that no worker reads", slog.String("dependency", "queue"),
			slog.String("stream", key), slog.Int64("events", events),
			slog.String("consequence", "they are not stored; run a worker with the broker.prefix and broker.streams that queued them"))
	}
}

// otherStreams returns the keys of streams that are not of this queue.
func (q *Queue) otherStreams(ctx context.Context) ([]string, error) {
	var (
		mu   sync.Mutex // nodes are searched at the same time
		keys []string
	)
	search := func(ctx context.Context, node *goredis.Client) error {
		cursor := uint64(0)
		for range maxScans {
			found, next, err := node.ScanType(ctx, cursor, "{*:*}:events", scanCount, "stream").Result()
			if err != nil {
				return fmt.Errorf("search for streams: %w", err)
			}
			mu.Lock()
			for _, key := range found {
				if streamKey.MatchString(key) && !q.has(key) && !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
			}
			mu.Unlock()
			if cursor = next; cursor == 0 {
				break
			}
		}
		return nil
	}
	var err error
	switch client := q.commands.(type) {
	case *goredis.ClusterClient:
		err = client.ForEachMaster(ctx, search)
	case *goredis.Client:
		err = search(ctx, client)
	}
	slices.Sort(keys)
	return keys, err
}

func (q *Queue) has(key string) bool {
	return slices.ContainsFunc(q.streams, func(s *stream) bool { return s.events == key })
}

// isRead reports whether a worker reads a stream of another prefix. A stream of the own
// prefix has a number that is too high for broker.streams, so no worker reads it.
func (q *Queue) isRead(ctx context.Context, key string) bool {
	if streamKey.FindStringSubmatch(key)[1] == q.options.Prefix {
		return false
	}
	consumers, _ := q.commands.XInfoConsumers(ctx, key, group).Result() // no group: no worker
	return slices.ContainsFunc(consumers, func(c goredis.XInfoConsumer) bool { return c.Idle < silentAfter })
}

// Working reports whether a worker has read a stream of this queue in the last seconds.
func (q *Queue) Working(ctx context.Context) (bool, error) {
	for _, s := range q.streams {
		consumers, err := q.commands.XInfoConsumers(ctx, s.events, group).Result()
		if err != nil {
			if err := ignoreNoGroup(err); err != nil {
				return false, q.translate(ctx, "working", err)
			}
		}
		if slices.ContainsFunc(consumers, func(c goredis.XInfoConsumer) bool { return c.Idle < silentAfter }) {
			return true, nil
		}
	}
	return false, nil
}
