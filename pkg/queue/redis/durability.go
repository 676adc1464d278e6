package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store"

	goredis "github.com/redis/go-redis/v9"
)

// verifyEvery is how long what the server said about itself is believed.
const verifyEvery = 3 * time.Second

// durability is what is known of the server's settings.
type durability struct {
	asking sync.Mutex // held by the one that asks

	mu     sync.Mutex
	known  bool
	at     time.Time
	weak   error // nil where it is durable
	warned string
	// whole has the run_id of each server whose append-only file was seen
	// without a rewrite, and on ever since.
	whole map[string]bool
}

// weakError is [store.ErrNotDurable] with the setting's name. It has nothing to
// unwrap: the client takes off one layer of what a new connection answers.
type weakError struct{ reason string }

// Error has the setting and what to set.
func (e *weakError) Error() string { return store.ErrNotDurable.Error() + ": " + e.reason }

// Is makes it a [store.ErrNotDurable].
func (e *weakError) Is(target error) bool { return target == store.ErrNotDurable }

// verify is nil where the server was durable a moment ago.
func (q *Queue) verify(ctx context.Context) error {
	d := &q.durability
	if known, err := d.state(q.options.Now()); known {
		return err
	}
	// One asks; the others go by what was known, if anything was.
	if !d.asking.TryLock() {
		if known, err := d.last(); known {
			return err
		}
		d.asking.Lock()
	}
	defer d.asking.Unlock()
	if known, err := d.state(q.options.Now()); known {
		return err
	}
	settings, err := q.settings(ctx)
	if err != nil {
		return err
	}
	return q.learn(ctx, settings)
}

// state is what is known, unless that is old.
func (d *durability) state(now time.Time) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known && now.Sub(d.at) < verifyEvery, d.weak
}

func (d *durability) last() (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known, d.weak
}

// learn judges the settings of all nodes and remembers the verdict.
func (q *Queue) learn(ctx context.Context, nodes []map[string]string) error {
	var weak error
	var warning string
	whole := map[string]bool{}
	for _, settings := range nodes {
		known := q.durability.isWhole(settings)
		if w := judge(settings, known); w != nil && weak == nil {
			weak = w
		}
		if settings["aof_enabled"] == "1" && (known || !rewriting(settings)) {
			whole[settings["run_id"]] = true
		}
		for _, w := range []string{memoryWarning(settings, q.options.MaxBytes/int64(len(q.streams))), rewriteWarning(settings)} {
			warning = cmp.Or(warning, w)
		}
	}
	if weak != nil && q.options.AllowWeak {
		warning, weak = weak.Error(), nil
	}
	d := &q.durability
	d.mu.Lock()
	defer d.mu.Unlock()
	if warning != "" && warning != d.warned {
		q.options.Logger.WarnContext(ctx, "the queue's server should be set differently", slog.String("reason", warning))
	}
	d.known, d.at, d.weak, d.warned, d.whole = true, q.options.Now(), weak, warning, whole
	return weak
}

// isWhole reports whether a server's append-only file is known to hold all data.
func (d *durability) isWhole(settings map[string]string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.whole[settings["run_id"]]
}

// settings asks every node that holds data.
func (q *Queue) settings(ctx context.Context) ([]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	cluster, spread := q.writes.(*goredis.ClusterClient)
	if !spread {
		settings, err := ask(ctx, q.writes)
		return []map[string]string{settings}, err
	}
	var mu sync.Mutex
	var nodes []map[string]string
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *goredis.Client) error {
		settings, err := ask(ctx, node)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, settings)
		}
		return err
	})
	// A node that is away takes no events; when it is back its new connections
	// are checked.
	if len(nodes) > 0 && !errors.Is(err, store.ErrNotDurable) {
		err = nil
	}
	return nodes, err
}

// checkConnection refuses a new connection to a server that is not durable: it
// may be another server than the last, or the same with other settings.
func (q *Queue) checkConnection(ctx context.Context, conn *goredis.Conn) error {
	if q.options.AllowWeak {
		return nil
	}
	settings, err := ask(ctx, conn)
	if err != nil {
		return err
	}
	return judge(settings, q.durability.isWhole(settings))
}

// processor is a client or one connection of it.
type processor interface {
	Process(ctx context.Context, cmd goredis.Cmder) error
}

// ask reads the settings and the state of the append-only file; nil where the
// server does not tell them. Nothing that goes wrong here was an append.
func ask(ctx context.Context, server processor) (map[string]string, error) {
	settings := goredis.NewMapStringStringCmd(ctx, "config", "get", "appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory", "maxmemory-policy")
	about := goredis.NewStringCmd(ctx, "info", "server")
	file := goredis.NewStringCmd(ctx, "info", "persistence")
	for _, cmd := range []goredis.Cmder{settings, about, file} {
		err := server.Process(ctx, cmd)
		switch {
		case err == nil:
		case errors.Is(err, store.ErrNotDurable):
			return nil, err
		case refused(err) && (strings.HasPrefix(err.Error(), "NOPERM") || strings.HasPrefix(err.Error(), "ERR")):
			return nil, nil
		default:
			return nil, &callError{err: err, sent: false}
		}
	}
	all := settings.Val()
	for line := range strings.Lines(about.Val() + file.Val()) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			all[name] = value
		}
	}
	return all, nil
}

// judge is the [store.ErrNotDurable] of a server that could lose what it has
// answered. whole says that its append-only file was seen to hold all data.
func judge(settings map[string]string, whole bool) error {
	if settings == nil {
		return &weakError{"the server refuses CONFIG GET or INFO, so nobody knows; allow the user +config|get +info"}
	}
	for _, want := range []struct{ name, value string }{{"appendonly", "yes"}, {"appendfsync", "always"}} {
		if got := settings[want.name]; got != want.value {
			return &weakError{fmt.Sprintf("%s is %s, set it to %s", want.name, orUnset(got), want.value)}
		}
	}
	switch {
	case settings["aof_enabled"] == "0":
		return &weakError{"appendonly is yes, and the server writes no file at the moment (aof_enabled:0)"}
	case settings["aof_last_write_status"] == "err":
		return &weakError{"the server can't write its append-only file (aof_last_write_status:err), see its log and its disk"}
	case rewriting(settings) && !whole:
		return &weakError{"the append-only file is being written, perhaps for the first time: it counts from when aof_rewrite_in_progress is 0"}
	}
	// It turns "always" into nothing at all while the server rewrites its file.
	if settings["no-appendfsync-on-rewrite"] == "yes" {
		return &weakError{"no-appendfsync-on-rewrite is yes, set it to no"}
	}
	if limit := maxMemory(settings); limit != 0 && settings["maxmemory-policy"] != "noeviction" {
		return &weakError{fmt.Sprintf("maxmemory-policy is %s, set it to noeviction", orUnset(settings["maxmemory-policy"]))}
	}
	return nil
}

// rewriting reports whether the append-only file is written anew, or will be. An
// ordinary rewrite changes nothing, the old file holds until the new one is
// there. After CONFIG SET appendonly yes there is no old one, until the first
// rewrite has succeeded; and INFO does not tell the two apart.
func rewriting(settings map[string]string) bool {
	return settings["aof_rewrite_in_progress"] == "1" || settings["aof_rewrite_scheduled"] == "1"
}

// rewriteWarning says that the append-only file grows for ever.
func rewriteWarning(settings map[string]string) string {
	if settings["aof_enabled"] == "1" && settings["aof_last_bgrewrite_status"] == "err" {
		return "the append-only file can't be rewritten (aof_last_bgrewrite_status:err) and grows; see the server's log and its disk"
	}
	return ""
}

func orUnset(value string) string {
	if value == "" {
		return "not known"
	}
	return value
}

func maxMemory(settings map[string]string) int64 {
	limit, _ := strconv.ParseInt(settings["maxmemory"], 10, 64)
	return limit
}

// memoryWarning says that memory would be full before the queue is.
func memoryWarning(settings map[string]string, maxBytes int64) string {
	if limit := maxMemory(settings); limit != 0 && limit < maxBytes+maxBytes/2 {
		return fmt.Sprintf("maxmemory is %d, set it to %d at least or the queue's bound in bytes lower", limit, maxBytes+maxBytes/2)
	}
	return ""
}
