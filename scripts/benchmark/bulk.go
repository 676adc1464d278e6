//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// Sizes of bulk cases.
const (
	bulkEvents = 100_000 // per request or pass
	bulkBatch  = 1000    // per transaction, if the case decides
)

// bulkTrial sends events that are generated and encoded before the clock starts.
type bulkTrial struct {
	lab     *lab
	servers []*process
	closers []func() error
	ready   func(ctx context.Context, events []event.Event) error
	// send sends what ready has prepared. It returns the time of each request.
	send func(ctx context.Context) ([]time.Duration, error)
}

func (t *bulkTrial) close() error {
	return (&rig{closers: t.closers}).close()
}

// run sends bulks until the duration has passed.
func (t *bulkTrial) run(ctx context.Context, duration time.Duration) (measurement, error) {
	var sum usage
	var times []time.Duration
	var took time.Duration
	var events int64
	for took < duration {
		generated, err := t.lab.make(bulkEvents)
		if err != nil {
			return measurement{}, err
		}
		if err := t.ready(ctx, generated); err != nil {
			return measurement{}, err
		}
		before, err := t.lab.used(ctx, t.servers)
		if err != nil {
			return measurement{}, err
		}
		began := time.Now()
		each, err := t.send(ctx)
		if err != nil {
			return measurement{}, err
		}
		took += time.Since(began)
		after, err := t.lab.used(ctx, t.servers)
		if err != nil {
			return measurement{}, err
		}
		sum, times, events = sum.plus(after.minus(before)), append(times, each...), events+bulkEvents
	}
	m := measurement{Rate: float64(events) / took.Seconds(), P50: percentile(times, 0.5), P99: percentile(times, 0.99)}
	m.setCosts(sum, events)
	var err error
	m.Memory, err = peakMemory(t.servers)
	return m, err
}

// ndjson sends 100,000 lines in one request.
func ndjson(compress bool) func(ctx context.Context, l *lab) (trial, error) {
	return func(ctx context.Context, l *lab) (trial, error) {
		if err := l.emptyTables(ctx); err != nil {
			return nil, err
		}
		servers, err := l.serve(ctx, 1, l.postgres.url+databaseEmpty)
		if err != nil {
			return nil, err
		}
		s := &lineSender{url: servers[0].url + api.PathPublish, compress: compress}
		return &bulkTrial{
			lab: l, servers: servers, ready: s.ready, send: s.send,
			closers: []func() error{func() error { return stopAll(servers) }},
		}, nil
	}
}

// lineSender posts lines.
type lineSender struct {
	url      string
	compress bool
	body     []byte
}

func (s *lineSender) ready(_ context.Context, events []event.Event) error {
	s.body = s.body[:0]
	for i := range events {
		s.body = append(codec.Append(s.body, events[i]), '\n')
	}
	if !s.compress {
		return nil
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	s.body = encoder.EncodeAll(s.body, nil)
	return encoder.Close()
}

func (s *lineSender) send(ctx context.Context) ([]time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(s.body))
	if err != nil {
		return nil, fmt.Errorf("create the request: %w", err)
	}
	request.Header.Set("Content-Type", api.TypeLines)
	if s.compress {
		request.Header.Set("Content-Encoding", "zstd")
	}
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send lines: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var got api.Batch
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		return nil, fmt.Errorf("read the response: %w", err)
	}
	if got.Success != bulkEvents {
		return nil, fmt.Errorf("status %d: of %d lines %d were stored", response.StatusCode, bulkEvents, got.Success)
	}
	return []time.Duration{time.Since(began)}, nil
}

// copyReady loads prepared events by COPY, 1,000 each.
func copyReady(connections int) func(ctx context.Context, l *lab) (trial, error) {
	return func(ctx context.Context, l *lab) (trial, error) {
		pool, err := l.tablePool(ctx, databaseEmpty, connections)
		if err != nil {
			return nil, err
		}
		t := &bulkTrial{lab: l, closers: []func() error{func() error { pool.Close(); return nil }}}
		var ready []event.Event
		t.ready = func(_ context.Context, events []event.Event) error {
			ready = events
			return nil
		}
		t.send = func(ctx context.Context) ([]time.Duration, error) {
			return inBatches(ctx, connections, func(ctx context.Context, batch int) error {
				return copyRows(ctx, pool, ready[batch*bulkBatch:(batch+1)*bulkBatch])
			})
		}
		return t, nil
	}
}

// insertSelect copies events from a staging table into the plain table, 1,000
// per transaction. They are stored and sorted before the clock starts, so this
// measures only the statement, without client, network or text.
func insertSelect(database string, connections int) func(ctx context.Context, l *lab) (trial, error) {
	return func(ctx context.Context, l *lab) (trial, error) {
		pool, err := l.tablePool(ctx, database, connections)
		if err != nil {
			return nil, err
		}
		t := &bulkTrial{lab: l, closers: []func() error{func() error { pool.Close(); return nil }}}
		if _, err := pool.Exec(ctx, stagingSchema); err != nil {
			return nil, errors.Join(fmt.Errorf("create the staging table: %w", err), t.close())
		}
		t.ready = func(ctx context.Context, events []event.Event) error { return stage(ctx, pool, events) }
		t.send = func(ctx context.Context) ([]time.Duration, error) {
			return inBatches(ctx, connections, func(ctx context.Context, batch int) error {
				return insertStaged(ctx, pool, batch)
			})
		}
		return t, nil
	}
}

const stagingSchema = `
	DROP TABLE IF EXISTS staging;
	CREATE UNLOGGED TABLE staging (
		batch integer, seq integer, topic text, event_id text, occurred_at timestamptz, source text, payload json);
	CREATE INDEX ON staging (batch)`

// stage fills the staging table, each batch sorted by key like the server does.
func stage(ctx context.Context, pool *pgxpool.Pool, events []event.Event) error {
	for batch := range slices.Chunk(events, bulkBatch) {
		slices.SortFunc(batch, func(a, b event.Event) int { return a.Key().Compare(b.Key()) })
	}
	if _, err := pool.Exec(ctx, "TRUNCATE staging"); err != nil {
		return fmt.Errorf("empty the staging table: %w", err)
	}
	columns := []string{"batch", "seq", "topic", "event_id", "occurred_at", "source", "payload"}
	_, err := pool.CopyFrom(ctx, pgx.Identifier{"staging"}, columns, pgx.CopyFromSlice(len(events), func(i int) ([]any, error) {
		e := &events[i]
		return []any{int32(i / bulkBatch), int32(i%bulkBatch + 1), e.Topic, e.ID, e.Timestamp, e.Source, e.Payload}, nil
	}))
	if err != nil {
		return fmt.Errorf("fill the staging table: %w", err)
	}
	return nil
}

func insertStaged(ctx context.Context, pool *pgxpool.Pool, batch int) error {
	tag, err := pool.Exec(ctx, `INSERT INTO plain_events (topic, event_id, occurred_at, source, payload)
		SELECT topic, event_id, occurred_at, source, payload FROM staging WHERE batch = $1
		ON CONFLICT (topic, event_id) DO NOTHING`, batch)
	if err != nil {
		return fmt.Errorf("insert from the staging table: %w", err)
	}
	if tag.RowsAffected() != bulkBatch {
		return fmt.Errorf("insert from the staging table: %d rows of %d", tag.RowsAffected(), bulkBatch)
	}
	return nil
}

// inBatches calls do for each batch of a bulk, with that many workers. It returns
// the time of each call.
func inBatches(ctx context.Context, workers int, do func(ctx context.Context, batch int) error) ([]time.Duration, error) {
	times := make([]time.Duration, bulkEvents/bulkBatch)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for batch := int(next.Add(1) - 1); batch < len(times); batch = int(next.Add(1) - 1) {
				began := time.Now()
				if err := do(ctx, batch); err != nil {
					return err
				}
				times[batch] = time.Since(began)
			}
			return nil
		})
	}
	return times, group.Wait()
}
