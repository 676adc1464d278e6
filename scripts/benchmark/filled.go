//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Topics of the filled table.
const (
	// busyTopic is one of the generator's, all of which have as many events as
	// each other, in all parts of the table.
	busyTopic = "order_created"
	// quietTopic has half of the events of the older half, and none of the newer:
	// a plan that looks for its newest ones from the newest of all on, because a
	// quarter of the table should soon turn up, reads half of the table.
	quietTopic = "quiet"
	// rareTopic has one event, the oldest of all.
	rareTopic = "rare"
)

// fillBatch is how many events each transaction of the filling stores.
const fillBatch = 1000

// fill makes the database with -rows events, as if they had come in arrays of
// 1,000, and leaves PostgreSQL running with the settings. It keeps the indexes
// while it inserts: one that is built afterwards is denser than any that has
// grown, and the next events would pay for that.
//
// The last twentieth comes after the restart. The first change of a page after a
// checkpoint puts all of it into the log, which costs several times as much as
// the change; in a server that has been running for a while that is over for
// most pages, unless its checkpoints are so close that it never is.
func (l *lab) fill(ctx context.Context, settings []string) error {
	began := time.Now()
	rows := int64(l.rows)
	f := filling{lab: l, rows: rows, began: began.UnixMilli() - rows/100}
	var err error
	if f.topics, err = l.topics(); err != nil {
		return err
	}
	if err := l.createDatabase(ctx, databaseFilled); err != nil {
		return err
	}
	if err := l.exec(ctx, databaseFilled, insertRare); err != nil {
		return err
	}
	if err := f.insert(ctx, 0, rows-rows/20); err != nil {
		return err
	}
	if err := l.exec(ctx, databaseFilled, "VACUUM (ANALYZE)"); err != nil {
		return err
	}
	if err := l.postgres.restart(ctx, settings); err != nil {
		return err
	}
	if err := f.insert(ctx, rows-rows/20, rows); err != nil {
		return err
	}
	for _, statement := range []string{countTotals, countTopics} {
		if err := l.exec(ctx, databaseFilled, statement); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "filled a table with %d events in %s\n", l.rows, time.Since(began).Round(time.Second))
	return nil
}

// filling is what goes into the filled table.
type filling struct {
	lab    *lab
	rows   int64
	began  int64 // Unix time of the first id, in milliseconds
	topics []string
}

// insert stores the events from one number up to another, from two connections.
func (f filling) insert(ctx context.Context, from, to int64) error {
	const workers = 2
	pool, err := f.lab.pool(ctx, databaseFilled, workers)
	if err != nil {
		return err
	}
	defer pool.Close()
	var next atomic.Int64
	next.Store(from)
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for at := next.Add(fillBatch) - fillBatch; at < to; at = next.Add(fillBatch) - fillBatch {
				topics := f.topics
				if at < f.rows/2 {
					topics = append(slices.Repeat([]string{quietTopic}, len(topics)), topics...)
				}
				if _, err := pool.Exec(ctx, insertGenerated, at, min(fillBatch, to-at), f.lab.ids, f.began, topics); err != nil {
					return fmt.Errorf("fill the table: %w", err)
				}
				if at%max(f.rows/10, fillBatch) < fillBatch {
					fmt.Fprintf(os.Stderr, "filling a table: %d events\n", at)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// topics are those that the generator uses: new events belong between the old
// ones, in every index.
func (l *lab) topics() ([]string, error) {
	generator, err := l.generator(0)
	if err != nil {
		return nil, err
	}
	topics := make([]string, 1000)
	for k := range topics {
		topics[k] = generator.Event(int64(k)).Topic
	}
	slices.Sort(topics)
	topics = slices.Compact(topics)
	if !slices.Contains(topics, busyTopic) {
		return nil, fmt.Errorf("the generator makes no events of the topic %s, but of %s", busyTopic, topics)
	}
	return topics, nil
}

const insertRare = `INSERT INTO events (seq, topic, event_id, occurred_at, source, payload)
	VALUES (1, '` + rareTopic + `', 'the oldest', now() - interval '1 year', 'publisher', '{}')`

// insertGenerated stores $2 events from number $1 on, of the topics $5. Version
// 7 ids have 100 a millisecond, counted from $4. The random part is
// PostgreSQL's own.
const insertGenerated = `
	INSERT INTO events (seq, topic, event_id, occurred_at, source, payload)
	SELECT (n - $1 + 1)::integer, ($5::text[])[1 + n % cardinality($5::text[])],
		CASE $3::text WHEN '` + idsRandom + `' THEN random
		ELSE overlay(overlay(stamp PLACING '-' FROM 9 FOR 0) PLACING '-7' FROM 14 FOR 0)
			|| lpad(to_hex(n % 100 * 40), 3, '0') || substr(random, 19) END,
		to_timestamp(($4 + n / 100) / 1000.0), 'publisher',
		('{"seq":' || n || ',"user":"u-' || 100000 + n % 900000 || '","amount":' || 1000 + n % 9000 || '.25,"note":"'
			|| random || random || '"}')::json
	FROM (
		SELECT n, gen_random_uuid()::text AS random, lpad(to_hex($4 + n / 100), 12, '0') AS stamp
		FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) AS n
	) AS made`

// The counters that the events would have left.
const (
	countTotals = `INSERT INTO audit_stats (shard, received, duplicates) SELECT 0, count(*), 0 FROM events`
	countTopics = `INSERT INTO topic_stats (topic, shard, received, duplicates, first_seen, last_seen)
		SELECT topic, 0, count(*), 0, min(created_at), max(created_at) FROM events GROUP BY topic`
)

// reads asks for one path again and again, one request at a time.
func reads(path string) func(ctx context.Context, l *lab) (trial, error) {
	return func(ctx context.Context, l *lab) (trial, error) {
		servers, err := l.serve(ctx, 1, l.postgres.url+databaseFilled)
		if err != nil {
			return nil, err
		}
		return &readTrial{lab: l, servers: servers, url: servers[0].url + path}, nil
	}
}

// readTrial asks a number of times, however long that takes.
type readTrial struct {
	lab     *lab
	servers []*process
	url     string
}

const (
	readsMeasured = 200
	readsBefore   = 20 // to warm up
	// readsFor is when it stops all the same. A statement that reads millions of
	// rows has shown by then what there is to see.
	readsFor = 10 * time.Second
)

func (t *readTrial) close() error { return stopAll(t.servers) }

func (t *readTrial) run(ctx context.Context, _ time.Duration) (measurement, error) {
	if _, err := t.ask(ctx, readsBefore); err != nil {
		return measurement{}, err
	}
	before, err := t.lab.used(ctx, t.servers)
	if err != nil {
		return measurement{}, err
	}
	began := time.Now()
	times, err := t.ask(ctx, readsMeasured)
	if err != nil {
		return measurement{}, err
	}
	took := time.Since(began)
	after, err := t.lab.used(ctx, t.servers)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{Rate: float64(len(times)) / took.Seconds(), P50: percentile(times, 0.5), P99: percentile(times, 0.99)}
	m.share(after.minus(before), int64(len(times)))
	m.Memory, err = peakMemory(t.servers)
	return m, err
}

// ask answers how long each of n requests took, or of as many as there was time
// for.
func (t *readTrial) ask(ctx context.Context, n int) ([]time.Duration, error) {
	var times []time.Duration
	for end := time.Now().Add(readsFor); len(times) < n && time.Now().Before(end); {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, http.NoBody)
		if err != nil {
			return nil, fmt.Errorf("make the request: %w", err)
		}
		began := time.Now()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, fmt.Errorf("ask: %w", err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		times = append(times, time.Since(began))
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("GET %s: %s", t.url, response.Status)
		}
	}
	return times, nil
}
