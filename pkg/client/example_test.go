package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
)

// startServer starts an eventagg server with an empty database.
func startServer(ctx context.Context) (c *client.Client, stop func()) {
	folder, err := os.MkdirTemp("", "eventagg-example")
	if err != nil {
		panic(err)
	}
	path := filepath.Join(folder, "events.db")
	if _, err := sqlite.Migrate(ctx, path); err != nil {
		panic(err)
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		panic(err)
	}
	appender := ingest.New(db, ingest.Options{})
	handler := server.New(server.Options{Appender: appender, Store: db})
	web := httptest.NewServer(handler.Handler())
	if c, err = client.New(client.Options{URL: web.URL}); err != nil {
		panic(err)
	}
	return c, func() {
		c.Close()
		handler.Drain()
		web.Close()
		if err := errors.Join(handler.Shutdown(ctx), appender.Close(ctx), db.Close(), os.RemoveAll(folder)); err != nil {
			panic(err)
		}
	}
}

func login(id string) event.Event {
	return event.Event{
		Topic: "user_login", ID: id, Source: "web-1", Payload: `{"user":"u-17"}`,
		Timestamp: time.Date(2025, time.December, 19, 12, 0, 0, 0, time.UTC),
	}
}

// An event is stored once, so it is safe to send it again after an error.
func ExampleClient_Append() {
	ctx := context.Background()
	c, stop := startServer(ctx)
	defer stop()

	for range 2 {
		outcomes, err := c.Append(ctx, []event.Event{login("1")})
		if store.Temporary(err) {
			// Wait for store.RetryAfter(err, time.Second) and append again.
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(outcomes[0] == event.Stored, outcomes[0] == event.Duplicate)
	}
	// Output:
	// true false
	// false true
}

// WithRejections reports why the server rejects an event.
func ExampleClient_Append_rejected() {
	ctx := context.Background()
	c, stop := startServer(ctx)
	defer stop()

	invalid := login("2")
	invalid.Source = ""
	ctx = store.WithRejections(ctx, func(index int, reason error) {
		fmt.Println(index, strings.HasPrefix(reason.Error(), "invalid event: source"))
	})
	outcomes, err := c.Append(ctx, []event.Event{login("1"), invalid})
	fmt.Println(outcomes[0] == event.Stored, outcomes[1] == event.Rejected, err)
	// Output:
	// 1 true
	// true true <nil>
}

func ExampleClient_Stats() {
	ctx := context.Background()
	c, stop := startServer(ctx)
	defer stop()

	for _, id := range []string{"1", "2", "1"} {
		if _, err := c.Append(ctx, []event.Event{login(id)}); err != nil {
			fmt.Println(err)
		}
	}
	stats, err := c.Stats(ctx)
	fmt.Println(stats.Received, stats.Stored, stats.Duplicates, err)
	// Output: 3 2 1 <nil>
}

// Follow returns when the context ends or the function returns an error.
func ExampleClient_Follow() {
	ctx := context.Background()
	c, stop := startServer(ctx)
	defer stop()

	if _, err := c.Append(ctx, []event.Event{login("1"), login("2")}); err != nil {
		fmt.Println(err)
	}
	enough := errors.New("enough")
	err := c.Follow(ctx, store.Filter{Topic: "user_login"}, 1, time.Second, func(r store.Record) error {
		fmt.Println(r.ID)
		if r.ID == "3" {
			return enough
		}
		_, err := c.Append(ctx, []event.Event{login("3")})
		return err
	})
	fmt.Println(err)
	// Output:
	// 2
	// 3
	// enough
}

func ExampleClient_Export() {
	ctx := context.Background()
	c, stop := startServer(ctx)
	defer stop()

	if _, err := c.Append(ctx, []event.Event{login("1"), login("2")}); err != nil {
		fmt.Println(err)
	}
	err := c.Export(ctx, store.Filter{}, func(records []store.Record) error {
		for _, r := range records {
			fmt.Println(r.ID, r.Payload)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 {"user":"u-17"}
	// 2 {"user":"u-17"}
	// <nil>
}

// Events returns one page. Its cursors lead to older and to newer events.
func ExampleClient_Events() {
	ctx := context.Background()
	c, stop := startServer(ctx)
	defer stop()

	if _, err := c.Append(ctx, []event.Event{login("1"), login("2"), login("3")}); err != nil {
		fmt.Println(err)
	}
	for query := (client.EventsQuery{Limit: 2}); ; {
		page, err := c.Events(ctx, query)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, r := range page.Records {
			fmt.Println(r.ID)
		}
		if page.Next == "" {
			break
		}
		query.Cursor = page.Next
	}
	// Output:
	// 3
	// 2
	// 1
}
