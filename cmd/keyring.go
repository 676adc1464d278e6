package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/watch"
)

// keyring has the API keys in use, and reports the requests that were refused because of
// their key.
type keyring struct {
	inline  string // auth.keys
	public  auth.Scope
	log     *slog.Logger
	metrics *metrics.Metrics
	current atomic.Pointer[auth.Set]
	refused refusals
	// certificates is set if clients can send certificates.
	certificates bool
	// exposed is the last warning about the mode of the keys file; only used by read.
	exposed string
}

// newKeyring returns a keyring without keys, nil if none are configured.
func newKeyring(c config.Config, m *metrics.Metrics, log *slog.Logger) *keyring {
	if c.Auth.KeysFile == "" && c.Auth.Keys == "" {
		return nil
	}
	k := &keyring{inline: string(c.Auth.Keys), log: log, metrics: m, certificates: c.TLS.ClientCA != ""}
	for _, name := range c.Auth.Public.Items() {
		scope, _ := auth.ParseScope(name) // was validated
		k.public |= scope
	}
	return k
}

// source returns the keys as files to watch. Without a file they never change.
func (k *keyring) source(file string) watch.Source {
	source := watch.Source{Name: sourceKeys, Read: k.read, Apply: k.apply}
	if file != "" {
		source.Files = []string{file}
	}
	return source
}

// apply replaces all keys, or returns an error and replaces none.
func (k *keyring) apply(contents [][]byte) error {
	var entries []auth.Entry
	for _, content := range contents {
		more, err := auth.ParseKeys(content)
		if err != nil {
			return err
		}
		entries = append(entries, more...)
	}
	inline, err := auth.ParseKeys([]byte(k.inline))
	if err != nil {
		return &inlineError{err}
	}
	entries = append(entries, inline...)
	set, err := auth.NewSet(entries, k.public)
	if err != nil {
		return err
	}
	changes := set.ChangesSince(k.current.Swap(set))
	k.log.Info("keys loaded", slog.Int("keys", len(set.IDs())), slog.String("added", listIDs(changes.Added)),
		slog.String("removed", listIDs(changes.Removed)), slog.String("changed", listChanges(changes.Changed)))
	k.reportUnusable(entries)
	return nil
}

// reportUnusable logs a warning if keys have a certificate, and no client can send one.
func (k *keyring) reportUnusable(entries []auth.Entry) {
	if k.certificates {
		return
	}
	var ids []string
	for _, e := range entries {
		if e.Certificate != "" {
			ids = append(ids, e.ID)
		}
	}
	if len(ids) > 0 {
		k.log.Warn("keys with a certificate cannot be used: tls.client_ca is empty", slog.String("keys", listIDs(ids)),
			slog.String("consequence", "requests of their clients get 401"))
	}
}

// inlineError is an error in auth.keys.
type inlineError struct{ error }

// Unwrap returns the error.
func (e *inlineError) Unwrap() error { return e.error }

// listIDs joins IDs for a log record: the first ones, and how many more there are.
func listIDs(ids []string) string { return listFirst(ids, ",") }

// listChanges joins the texts of [auth.Changes] for a log record.
func listChanges(texts []string) string { return listFirst(texts, "; ") }

func listFirst(texts []string, separator string) string {
	const most = 20
	if len(texts) <= most {
		return strings.Join(texts, separator)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:most], separator), len(texts)-most)
}

// set is [server.Options].Keys.
func (k *keyring) set() *auth.Set { return k.current.Load() }

// count returns the number of keys.
func (k *keyring) count() int { return len(k.set().IDs()) }

// onFailure is [server.Options].OnAuthFailure.
func (k *keyring) onFailure(reason, key string) {
	k.metrics.RecordAuthFailure(reason)
	k.refused.add(reason, key)
}

// reportRefused logs once a minute which requests were refused, until ctx ends.
func (k *keyring) reportRefused(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.refused.report(k.log)
		}
	}
}

// refusal is a reason, and the key if it is known.
type refusal struct{ reason, key string }

// refusals counts refused requests since the last report. The keys file bounds it.
type refusals struct {
	mu     sync.Mutex
	counts map[refusal]int
}

func (r *refusals) add(reason, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[refusal]int{}
	}
	r.counts[refusal{reason, key}]++
}

func (r *refusals) report(log *slog.Logger) {
	r.mu.Lock()
	counts := r.counts
	r.counts = nil
	r.mu.Unlock()
	for what, count := range counts {
		log.Info("requests refused", slog.String("reason", what.reason), slog.String("key", what.key), slog.Int("requests", count),
			slog.String("consequence", "nothing of them was done"))
	}
}
