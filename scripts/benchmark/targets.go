//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// rig is a target of the load generator, with its servers.
type rig struct {
	appender store.Appender
	servers  []*process
	closers  []func() error
}

// close stops what the rig has started, in reverse order.
func (r *rig) close() error {
	var errs []error
	for _, end := range slices.Backward(r.closers) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// target creates a rig for that many concurrent appends.
type target func(ctx context.Context, l *lab, connections int) (*rig, error)

// onPostgres publishes to instances of eventagg with one empty database.
func onPostgres(instances int) target {
	return func(ctx context.Context, l *lab, connections int) (*rig, error) {
		if err := l.emptyTables(ctx); err != nil {
			return nil, err
		}
		return l.publisher(ctx, instances, l.postgres.url+databaseEmpty, connections)
	}
}

// onFilled publishes to an eventagg whose table has -rows events.
func onFilled(ctx context.Context, l *lab, connections int) (*rig, error) {
	return l.publisher(ctx, 1, l.postgres.url+databaseFilled, connections)
}

// onSQLite publishes to an eventagg with a new file.
func onSQLite(ctx context.Context, l *lab, connections int) (*rig, error) {
	l.seed++
	folder := filepath.Join(l.folder, "sqlite-"+strconv.FormatUint(l.seed, 10))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, fmt.Errorf("create a folder: %w", err)
	}
	r, err := l.publisher(ctx, 1, "sqlite:"+filepath.Join(folder, "events.db"), connections)
	if err != nil {
		return nil, err
	}
	r.closers = append([]func() error{func() error { return os.RemoveAll(folder) }}, r.closers...)
	return r, nil
}

// publisher starts instances of eventagg and publishes to them in turn.
func (l *lab) publisher(ctx context.Context, instances int, database string, connections int) (*rig, error) {
	servers, err := l.serve(ctx, instances, database)
	if err != nil {
		return nil, err
	}
	return publishTo(servers, connections)
}

// toReference publishes to the server with one INSERT per request.
func toReference(ctx context.Context, l *lab, connections int) (*rig, error) {
	if err := l.exec(ctx, databaseReference, "DROP TABLE IF EXISTS reference_events, reference_stats"); err != nil {
		return nil, err
	}
	server, err := start(ctx, l.self, "reference", l.postgres.url+databaseReference)
	if err != nil {
		return nil, err
	}
	return publishTo([]*process{server}, connections)
}

// toNothing publishes to a server that responds without processing.
func toNothing(ctx context.Context, l *lab, connections int) (*rig, error) {
	server, err := start(ctx, l.self, "nothing")
	if err != nil {
		return nil, err
	}
	return publishTo([]*process{server}, connections)
}

// publishTo publishes to servers and stops them at the end.
func publishTo(servers []*process, connections int) (*rig, error) {
	r := &rig{servers: servers, closers: []func() error{func() error { return stopAll(servers) }}}
	var all inTurn
	for _, server := range servers {
		c, err := client.New(client.Options{URL: server.url, Concurrency: connections})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("create the client: %w", err), r.close())
		}
		r.closers = append(r.closers, func() error { c.Close(); return nil })
		all.targets = append(all.targets, c)
	}
	r.appender = &all
	if len(servers) == 1 {
		r.appender = all.targets[0]
	}
	return r, nil
}

// inTurn distributes appends over several targets.
type inTurn struct {
	targets []store.Appender
	next    atomic.Uint64
}

// Append implements [store.Appender].
func (t *inTurn) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	return t.targets[t.next.Add(1)%uint64(len(t.targets))].Append(ctx, events)
}

// toHealthz sends GET /healthz to eventagg, once per append.
func toHealthz(ctx context.Context, l *lab, connections int) (*rig, error) {
	servers, err := l.serve(ctx, 1, l.postgres.url+databaseEmpty)
	if err != nil {
		return nil, err
	}
	h, err := newHealth(servers[0].url, connections)
	if err != nil {
		return nil, errors.Join(err, stopAll(servers))
	}
	return &rig{appender: h, servers: servers, closers: []func() error{func() error { return stopAll(servers) }, h.close}}, nil
}

// byCopy loads the events by COPY, which is the fastest way and does not allow
// duplicates.
func byCopy(database string) target {
	return func(ctx context.Context, l *lab, connections int) (*rig, error) {
		pool, err := l.tablePool(ctx, database, connections)
		if err != nil {
			return nil, err
		}
		return poolRig(pool, copyAppender{pool}), nil
	}
}

// byInsert stores each event by its own INSERT, without HTTP.
func byInsert(ctx context.Context, l *lab, connections int) (*rig, error) {
	pool, err := l.tablePool(ctx, databaseEmpty, connections)
	if err != nil {
		return nil, err
	}
	return poolRig(pool, insertAppender{pool}), nil
}

func poolRig(pool *pgxpool.Pool, appender store.Appender) *rig {
	return &rig{appender: appender, closers: []func() error{func() error { pool.Close(); return nil }}}
}

// copyAppender stores each batch by one COPY.
type copyAppender struct{ pool *pgxpool.Pool }

// Append implements [store.Appender], but duplicates are errors.
func (c copyAppender) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	if err := copyRows(ctx, c.pool, events); err != nil {
		return nil, err
	}
	return allStored(len(events)), nil
}

// copyRows loads events into the plain table.
func copyRows(ctx context.Context, pool *pgxpool.Pool, events []event.Event) error {
	columns := []string{"topic", "event_id", "occurred_at", "source", "payload"}
	_, err := pool.CopyFrom(ctx, pgx.Identifier{"plain_events"}, columns, pgx.CopyFromSlice(len(events), func(i int) ([]any, error) {
		e := &events[i]
		return []any{e.Topic, e.ID, e.Timestamp, e.Source, e.Payload}, nil
	}))
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return nil
}

// insertAppender stores each event by one INSERT.
type insertAppender struct{ pool *pgxpool.Pool }

// Append implements [store.Appender].
func (a insertAppender) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes := allStored(len(events))
	for i, e := range events {
		tag, err := a.pool.Exec(ctx, `INSERT INTO plain_events (topic, event_id, occurred_at, source, payload)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (topic, event_id) DO NOTHING`,
			e.Topic, e.ID, e.Timestamp, e.Source, e.Payload)
		if err != nil {
			return nil, fmt.Errorf("insert: %w", err)
		}
		if tag.RowsAffected() == 0 {
			outcomes[i] = event.Duplicate
		}
	}
	return outcomes, nil
}

func allStored(n int) []event.Outcome {
	outcomes := make([]event.Outcome, n)
	for i := range outcomes {
		outcomes[i] = event.Stored
	}
	return outcomes
}
