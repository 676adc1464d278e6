package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// attacks returns the attacks whose name contains a text, in the order of their start.
// They come from seven addresses.
func attacks(only string) []attack {
	const json, lines = "application/json", "application/x-ndjson"
	invalidLines := compressed("gzip", "{}\n", 20_000_000)
	bomb := compressed("zstd", `{"topic":`, 16<<20/9)
	manyInvalid := compressed("gzip", "", 1, "["+strings.Repeat("{},", 9999)+"{}]")
	members := compressed("gzip", `"a":1,`, 16<<20/6, "{")
	var topic atomic.Int64
	unread := func(path string) func(context.Context, *connection) error {
		return func(ctx context.Context, c *connection) error {
			if err := c.get(path); err != nil {
				return err
			}
			return c.hold(ctx)
		}
	}
	body := func(contentType, coding, text string) func(context.Context, *connection) error {
		return func(_ context.Context, c *connection) error {
			if err := c.post(contentType, coding, text); err != nil {
				return err
			}
			return c.read()
		}
	}
	all := slices.Concat([]attack{
		{"pages of large events, not read", 150, 2, unread("/events?limit=1000&topic=large")},
		{"large events, not read", 200, 3, unread("/events/large/1")},
		{"compressed invalid lines", 20, 4, body(lines, "gzip", invalidLines)},
		{"a million topics", 4, 5, func(_ context.Context, c *connection) error {
			if err := c.post(json, "identity", newTopics(&topic)); err != nil {
				return err
			}
			return c.read()
		}},
		{"small bodies with long responses, not read", 150, 6, func(ctx context.Context, c *connection) error {
			if err := c.post(json, "gzip", manyInvalid); err != nil {
				return err
			}
			return c.hold(ctx)
		}},
		{"streams of lines that send nothing", 560, 2, func(ctx context.Context, c *connection) error {
			return c.stall(ctx, "Transfer-Encoding: chunked\nContent-Type: "+lines, "4\n{\"to\n")
		}},
		{"announced bodies that do not arrive", 100, 3, func(ctx context.Context, c *connection) error {
			return c.stall(ctx, "Content-Length: 16000000\nContent-Type: "+json, "["+strings.Repeat(" ", 300_000))
		}},
		{"followers that do not read", 1000, 4, unread("/events/stream?limit=100")},
		{"followers of large events that do not read", 100, 5, unread("/events/stream?limit=30&topic=large")},
		{"lists of topics, not read", 150, 6, unread("/stats/topics?limit=1000")},
		{"decompression bombs", 10, 2, body(json, "zstd", bomb)},
		{"objects with millions of members", 4, 3, body(json, "gzip", members)},
		{"the script of the docs, not read", 150, 4, unread("/docs/swagger-ui-bundle.js")},
		{"idle connections", 1500, 7, func(ctx context.Context, c *connection) error {
			if err := c.get("/healthz"); err != nil {
				return err
			}
			return c.hold(ctx)
		}},
	}, attacksHTTP2())
	var chosen []attack
	for _, a := range all {
		if strings.Contains(a.name, only) {
			chosen = append(chosen, a)
		}
	}
	return chosen
}

// stall sends the head of a request and the beginning of its body, and then nothing.
func (c *connection) stall(ctx context.Context, header, begin string) error {
	if err := c.send("POST /publish HTTP/1.1\nHost: %s\n%s\n\n%s", c.server, header, begin); err != nil {
		return err
	}
	return c.hold(ctx)
}

// compressed returns a text n times, after a prefix.
func compressed(coding, text string, n int, prefix ...string) string {
	var out strings.Builder
	var writer io.WriteCloser
	if coding == "zstd" {
		encoder, err := zstd.NewWriter(&out)
		if err != nil {
			panic(err)
		}
		writer = encoder
	} else {
		writer = gzip.NewWriter(&out)
	}
	_, _ = io.WriteString(writer, strings.Join(prefix, ""))
	const part = 10_000
	chunk := strings.Repeat(text, part)
	for ; n > 0; n -= part {
		_, _ = io.WriteString(writer, chunk[:len(text)*min(n, part)])
	}
	_ = writer.Close()
	return out.String()
}

// newTopics returns an array of events, each with a topic of its own.
func newTopics(next *atomic.Int64) string {
	const events = 5000
	var body strings.Builder
	for i := range events {
		separator := ","
		if i == 0 {
			separator = "["
		}
		_, _ = fmt.Fprintf(&body, `%s{"topic":"t%d","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}`, separator, next.Add(1))
	}
	return body.String() + "]"
}

// prepare stores the events that the attacks read.
func prepare(ctx context.Context, server string) error {
	client := httpFrom(100)
	defer client.CloseIdleConnections()
	s := &sender{address: server, http: client}
	for i := range 40 {
		body := fmt.Sprintf(`{"topic":"large","event_id":"%d","timestamp":"2025-12-19","source":"s","payload":{"x":%q}}`, i, strings.Repeat("x", 1_000_000))
		status, wait := s.post(ctx, body)
		for status == http.StatusTooManyRequests {
			pause(ctx, wait)
			status, wait = s.post(ctx, body)
		}
		if status != http.StatusOK {
			return fmt.Errorf("status %d", status)
		}
	}
	pause(ctx, 100*time.Millisecond)
	return nil
}
