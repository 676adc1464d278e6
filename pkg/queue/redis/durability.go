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

// verifyInterval is how long the settings of the server are cached.
const verifyInterval = 3 * time.Second

// durability is the result of the last check of the server's settings.
type durability struct {
	checking sync.Mutex // held during a check

	mu     sync.Mutex
	known  bool
	at     time.Time
	weak   error // why the server is not durable or has too few replicas, or nil
	warned string
	// complete has the run_id of each server whose append-only file was seen without
	// a rewrite and was enabled ever since.
	complete map[string]bool
}

// weakError is [store.ErrNotDurable] with the setting to change. It has no Unwrap,
// because the client unwraps the errors of new connections once.
type weakError struct{ reason string }

// Error returns the setting and its right value.
func (e *weakError) Error() string { return store.ErrNotDurable.Error() + ": " + e.reason }

// Is makes it a [store.ErrNotDurable].
func (e *weakError) Is(target error) bool { return target == store.ErrNotDurable }

// verify returns nil if the server was durable at the last check.
func (q *Queue) verify(ctx context.Context) error {
	d := &q.durability
	if known, err := d.state(q.options.Now()); known {
		return err
	}
	// One goroutine checks; the others use the last result, if there is one.
	if !d.checking.TryLock() {
		if known, err := d.last(); known {
			return err
		}
		d.checking.Lock()
	}
	defer d.checking.Unlock()
	if known, err := d.state(q.options.Now()); known {
		return err
	}
	settings, err := q.settings(ctx)
	if err != nil {
		return err
	}
	return q.judgeAll(ctx, settings)
}

// state returns the last result, unless it is old.
func (d *durability) state(now time.Time) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known && now.Sub(d.at) < verifyInterval, d.weak
}

func (d *durability) last() (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known, d.weak
}

// judgeAll judges the settings of all nodes and stores the result.
func (q *Queue) judgeAll(ctx context.Context, nodes []map[string]string) error {
	var weak error
	var warning string
	complete := map[string]bool{}
	for _, settings := range nodes {
		known := q.durability.isComplete(settings)
		if w := judge(settings, known); w != nil && weak == nil {
			weak = w
		}
		if settings["aof_enabled"] == "1" && (known || !rewriting(settings)) {
			complete[settings["run_id"]] = true
		}
		for _, w := range []string{memoryWarning(settings, q.options.MaxBytes/int64(len(q.streams))), rewriteWarning(settings)} {
			warning = cmp.Or(warning, w)
		}
	}
	if weak != nil && q.options.AllowWeak {
		warning, weak = weak.Error(), nil
	}
	if weak == nil {
		weak = q.checkReplicas(nodes)
	}
	d := &q.durability
	d.mu.Lock()
	defer d.mu.Unlock()
	if warning != "" && warning != d.warned {
		q.options.Logger.WarnContext(ctx, "unsafe Redis configuration", slog.String("dependency", "queue"), slog.String("reason", warning))
	}
	d.known, d.at, d.weak, d.warned, d.complete = true, q.options.Now(), weak, warning, complete
	return weak
}

// isComplete reports whether a server's append-only file is known to have all data.
func (d *durability) isComplete(settings map[string]string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.complete[settings["run_id"]]
}

// settings returns the settings of every node that holds data.
func (q *Queue) settings(ctx context.Context) ([]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	cluster, spread := q.writes.(*goredis.ClusterClient)
	if !spread {
		settings, err := readSettings(ctx, q.writes)
		return []map[string]string{settings}, err
	}
	var mu sync.Mutex
	var nodes []map[string]string
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *goredis.Client) error {
		settings, err := readSettings(ctx, node)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, settings)
		}
		return err
	})
	// An unavailable node takes no events. When it is available again, its new
	// connections are checked.
	if len(nodes) > 0 && !errors.Is(err, store.ErrNotDurable) {
		err = nil
	}
	return nodes, err
}

// checkConnection rejects a new connection to a server that is not durable. It may be
// another server than before, or the same with other settings.
func (q *Queue) checkConnection(ctx context.Context, conn *goredis.Conn) error {
	if q.options.AllowWeak {
		return nil
	}
	settings, err := readSettings(ctx, conn)
	if err != nil {
		return err
	}
	return judge(settings, q.durability.isComplete(settings))
}

// processor is a client or one of its connections.
type processor interface {
	Process(ctx context.Context, cmd goredis.Cmder) error
}

// readSettings reads the settings and the state of the append-only file. It returns
// nil if the server rejects that. Its errors say that nothing was appended.
func readSettings(ctx context.Context, server processor) (map[string]string, error) {
	settings := goredis.NewMapStringStringCmd(ctx, "config", "get", "appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory", "maxmemory-policy")
	about := goredis.NewStringCmd(ctx, "info", "server")
	file := goredis.NewStringCmd(ctx, "info", "persistence")
	replicas := goredis.NewStringCmd(ctx, "info", "replication")
	for _, cmd := range []goredis.Cmder{settings, about, file, replicas} {
		err := server.Process(ctx, cmd)
		switch {
		case err == nil:
		case errors.Is(err, store.ErrNotDurable):
			return nil, err
		case goredis.HasErrorPrefix(err, "NOPERM"), replied(err) && strings.HasPrefix(err.Error(), "ERR "):
			return nil, nil
		default:
			return nil, &callError{err: err, sent: false}
		}
	}
	all := settings.Val()
	for line := range strings.Lines(about.Val() + file.Val() + replicas.Val()) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			all[name] = value
		}
	}
	return all, nil
}

// judge returns [store.ErrNotDurable] for a server that could lose appends that it has
// confirmed. The parameter complete says that its append-only file has all data.
func judge(settings map[string]string, complete bool) error {
	if settings == nil {
		return &weakError{"the server rejects CONFIG GET or INFO; allow the user +config|get +info"}
	}
	for _, want := range []struct{ name, value string }{{"appendonly", "yes"}, {"appendfsync", "always"}} {
		if got := settings[want.name]; got != want.value {
			return &weakError{fmt.Sprintf("%s is %s, set it to %s", want.name, orUnknown(got), want.value)}
		}
	}
	switch {
	case settings["aof_enabled"] == "0":
		return &weakError{"appendonly is yes, but the server does not write a file now (aof_enabled:0)"}
	case settings["aof_last_write_status"] == "err":
		return &weakError{"the server can't write its append-only file (aof_last_write_status:err); check its log and disk"}
	case rewriting(settings) && !complete:
		return &weakError{"the append-only file is being written, perhaps for the first time; wait until aof_rewrite_in_progress is 0"}
	}
	// It disables fsync while the server rewrites its file.
	if settings["no-appendfsync-on-rewrite"] == "yes" {
		return &weakError{"no-appendfsync-on-rewrite is yes, set it to no"}
	}
	if limit := maxMemory(settings); limit != 0 && settings["maxmemory-policy"] != "noeviction" {
		return &weakError{fmt.Sprintf("maxmemory-policy is %s, set it to noeviction", orUnknown(settings["maxmemory-policy"]))}
	}
	return nil
}

// rewriting reports whether the append-only file is being rewritten, or will be. A
// later rewrite is no risk: the old file stays until the new one is complete. After
// CONFIG SET appendonly yes there is no old file until the first rewrite has
// succeeded. INFO does not distinguish the two.
func rewriting(settings map[string]string) bool {
	return settings["aof_rewrite_in_progress"] == "1" || settings["aof_rewrite_scheduled"] == "1"
}

// rewriteWarning returns a warning if the append-only file grows without limit.
func rewriteWarning(settings map[string]string) string {
	if settings["aof_enabled"] == "1" && settings["aof_last_bgrewrite_status"] == "err" {
		return "the append-only file can't be rewritten (aof_last_bgrewrite_status:err) and grows; check the server's log and disk"
	}
	return ""
}

func orUnknown(value string) string {
	if value == "" {
		return "unknown"
	}
	return value
}

func maxMemory(settings map[string]string) int64 {
	limit, _ := strconv.ParseInt(settings["maxmemory"], 10, 64)
	return limit
}

// memoryWarning returns a warning if the memory would be full before the queue.
func memoryWarning(settings map[string]string, maxBytes int64) string {
	if limit := maxMemory(settings); limit != 0 && limit < maxBytes+maxBytes/2 {
		return fmt.Sprintf("maxmemory is %d; set it to at least %d, or lower broker.max_bytes", limit, maxBytes+maxBytes/2)
	}
	return ""
}
