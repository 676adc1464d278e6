//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	pgstore "github.com/eventagg/eventagg/pkg/store/postgres"
)

// Topics of the filled table.
const (
	// busyTopic is a topic of the generator. Its events are in all parts of the
	// table.
	busyTopic = "order_created"
	// quietTopic has half of the events in the older half of the table, and none
	// in the newer half. A plan that scans from the newest event, because a
	// quarter of the table has this topic, reads half of the table.
	quietTopic = "quiet"
	// rareTopic has one event, the oldest.
	rareTopic = "rare"
)

// fillBatch is the number of events per transaction while filling.
const fillBatch = 1000

// fill creates the database with -rows events, as if they had arrived in arrays of
// 1,000, and restarts PostgreSQL with the settings. The indexes exist during the
// inserts, because an index that is built afterwards is denser, which slows down the
// next inserts.
//
// The last twentieth is inserted after the restart. The first change of a page after
// a checkpoint writes the whole page to the log, which costs several times as much as
// the change. In a server that runs for a while, most pages are past that.
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
	if err := f.insertRare(ctx); err != nil {
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
	if err := l.exec(ctx, databaseFilled, fillPlain); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "filled a table with %d events in %s\n", l.rows, time.Since(began).Round(time.Second))
	return nil
}

// filling describes the events of the filled table.
type filling struct {
	lab    *lab
	rows   int64
	began  int64 // Unix time of the first id, in milliseconds
	topics []string
}

// insert stores the events of a range, with two connections, by the store itself.
func (f filling) insert(ctx context.Context, from, to int64) error {
	const workers = 2
	s, err := pgstore.Open(ctx, pgstore.Options{URL: f.lab.postgres.url + databaseFilled, Writers: workers})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
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
				if _, err := s.Append(ctx, f.events(at, min(fillBatch, to-at), topics)); err != nil {
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

// insertRare stores the oldest event.
func (f filling) insertRare(ctx context.Context) error {
	s, err := pgstore.Open(ctx, pgstore.Options{URL: f.lab.postgres.url + databaseFilled})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	oldest := event.Event{Topic: rareTopic, ID: "the oldest", Timestamp: time.UnixMilli(f.began).UTC(), Source: "publisher", Payload: "{}"}
	_, err = s.Append(ctx, []event.Event{oldest})
	return err
}

// events makes count events from number first on. There are 100 ids of version 7 per
// millisecond, starting at f.began.
func (f filling) events(first, count int64, topics []string) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		n := first + int64(i)
		random := uuid.New()
		id := random
		millis := f.began + n/100
		if f.lab.ids != idsRandom {
			binary.BigEndian.PutUint64(id[:8], uint64(millis)<<16|0x7000|uint64(n%100*40))
		}
		events[i] = event.Event{
			Topic: topics[n%int64(len(topics))], ID: id.String(), Timestamp: time.UnixMilli(millis).UTC(), Source: "publisher",
			Payload: fmt.Sprintf(`{"seq":%d,"user":"u-%d","amount":%d.25,"note":"%[4]s%[4]s"}`, n, 100000+n%900000, 1000+n%9000, random),
		}
	}
	return events
}

// fillPlain fills the plain table with the same events.
const fillPlain = `INSERT INTO plain_events (created_at, occurred_at, topic, event_id, source, payload)
	SELECT created_at, "timestamp", topic, event_id, source, payload FROM event_log ORDER BY created_at`

// topics returns the topics of the generator, so that new events go between the old
// ones in each index.
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
		return nil, fmt.Errorf("the generator has no topic %s (it has %s)", busyTopic, topics)
	}
	return topics, nil
}

// reads sends GET requests for a path, one at a time.
func reads(path string) func(ctx context.Context, l *lab) (trial, error) {
	return func(ctx context.Context, l *lab) (trial, error) {
		servers, err := l.serve(ctx, 1, l.postgres.url+databaseFilled)
		if err != nil {
			return nil, err
		}
		return &readTrial{lab: l, servers: servers, url: servers[0].url + path}, nil
	}
}

// readTrial sends a fixed number of requests.
type readTrial struct {
	lab     *lab
	servers []*process
	url     string
}

const (
	readsMeasured = 200
	readsBefore   = 20 // to warm up
	// readsFor is the time limit. A statement that reads millions of rows has
	// shown its cost by then.
	readsFor = 10 * time.Second
)

func (t *readTrial) close() error { return stopAll(t.servers) }

func (t *readTrial) run(ctx context.Context, _ time.Duration) (measurement, error) {
	if _, err := t.get(ctx, readsBefore); err != nil {
		return measurement{}, err
	}
	before, err := t.lab.used(ctx, t.servers)
	if err != nil {
		return measurement{}, err
	}
	began := time.Now()
	times, err := t.get(ctx, readsMeasured)
	if err != nil {
		return measurement{}, err
	}
	took := time.Since(began)
	after, err := t.lab.used(ctx, t.servers)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{Rate: float64(len(times)) / took.Seconds(), P50: percentile(times, 0.5), P99: percentile(times, 0.99)}
	m.setCosts(after.minus(before), int64(len(times)))
	m.Memory, err = peakMemory(t.servers)
	return m, err
}

// get returns the time of each of n requests, or fewer at the time limit.
func (t *readTrial) get(ctx context.Context, n int) ([]time.Duration, error) {
	var times []time.Duration
	for end := time.Now().Add(readsFor); len(times) < n && time.Now().Before(end); {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, http.NoBody)
		if err != nil {
			return nil, fmt.Errorf("create the request: %w", err)
		}
		began := time.Now()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		times = append(times, time.Since(began))
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return nil, fmt.Errorf("read the response: %w", err)
		}
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("GET %s: %s", t.url, response.Status)
		}
	}
	return times, nil
}
