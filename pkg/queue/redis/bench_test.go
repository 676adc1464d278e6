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

// benchEvents returns events of about 300 bytes.
func benchEvents(count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = newEvent(fmt.Sprintf("%032d", i))
		events[i].Payload = `{"text":"` + strings.Repeat("x", 150) + `"}`
	}
	return events
}

// BenchmarkAppend has 8 goroutines that append 100 events a call. The server syncs
// each call before it responds.
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

// BenchmarkReceiveAcknowledge has one consumer that receives and acknowledges
// messages of 100 events.
func BenchmarkReceiveAcknowledge(b *testing.B) {
	server := testdb.StartRedis(b, testdb.RedisOptions{Durable: true})
	q := open(b, Options{URL: server.URL(), MaxEvents: 1 << 40, MaxBytes: 1 << 40})
	const size = 100
	events := benchEvents(size)
	for range b.N {
		if _, err := q.Append(context.Background(), events); err != nil {
			b.Fatal(err)
		}
	}
	c, received := q.Consumer("one"), 0
	b.ResetTimer()
	for received < b.N*size {
		messages, err := c.Receive(context.Background(), time.Second)
		if err != nil || len(messages) == 0 {
			b.Fatalf("received %d messages, %v", len(messages), err)
		}
		for _, m := range messages {
			received += len(m.Events)
		}
		if err := c.Acknowledge(context.Background(), messages); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(received)/b.Elapsed().Seconds(), "events/s")
}
