package redis

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// benchEvents makes events of about 300 bytes.
func benchEvents(count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = newEvent(fmt.Sprintf("%032d", i))
		events[i].Payload = `{"text":"` + strings.Repeat("x", 150) + `"}`
	}
	return events
}

// BenchmarkAppend has 8 goroutines that append 100 events a call to a server
// that syncs each before it answers.
func BenchmarkAppend(b *testing.B) {
	server := testdb.StartRedis(b, testdb.RedisOptions{Durable: true})
	q := open(b, Options{URL: server.URL(), MaxEvents: 1 << 40, MaxBytes: 1 << 40})
	const writers, size = 8, 100
	events := benchEvents(size)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var group errgroup.Group
	for range writers {
		group.Go(func() error {
			for left.Add(-1) >= 0 {
				if _, err := q.Append(context.Background(), events); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReceiveDone has one consumer take and finish what appends of 100
// events have queued.
func BenchmarkReceiveDone(b *testing.B) {
	server := testdb.StartRedis(b, testdb.RedisOptions{Durable: true})
	q := open(b, Options{URL: server.URL(), MaxEvents: 1 << 40, MaxBytes: 1 << 40})
	const size = 100
	events := benchEvents(size)
	for range b.N {
		if _, err := q.Append(context.Background(), events); err != nil {
			b.Fatal(err)
		}
	}
	c, taken := q.Consumer("one"), 0
	b.ResetTimer()
	for taken < b.N*size {
		messages, err := c.Receive(context.Background(), time.Second)
		if err != nil || len(messages) == 0 {
			b.Fatalf("received %d messages, %v", len(messages), err)
		}
		for _, m := range messages {
			taken += len(m.Events)
		}
		if err := c.Acknowledge(context.Background(), messages); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(taken)/b.Elapsed().Seconds(), "events/s")
}
