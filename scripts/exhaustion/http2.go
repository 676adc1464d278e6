package main

import (
	"bytes"
	"context"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// requestsHTTP2 is the number of requests on one connection of HTTP/2: as many as the
// server allows.
const requestsHTTP2 = 100

// many opens as many requests as one connection of HTTP/2 may have, and reads none of the
// responses: the window for their bodies is zero. Each request has these header fields,
// such as ":path /events".
func (c *connection) many(ctx context.Context, end bool, fields ...string) error {
	block, err := headerBlock(append([]string{":scheme http", ":authority " + c.server}, fields...))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	_, _ = out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize}, http2.Setting{ID: http2.SettingHeaderTableSize}); err != nil {
		return err
	}
	for i := range uint32(requestsHTTP2) {
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: block, EndHeaders: true, EndStream: end}); err != nil {
			return err
		}
	}
	_ = c.SetWriteDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Write(out.Bytes()); err != nil {
		return err
	}
	var one [1]byte
	for ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := c.Read(one[:]); err != nil {
			return err
		}
		pause(ctx, time.Second)
	}
	return nil
}

// headerBlock encodes header fields without the dynamic table, so that each request can
// have the same block.
func headerBlock(fields []string) ([]byte, error) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0)
	block.Reset()
	for _, field := range fields {
		name, value, _ := strings.Cut(field, " ")
		if err := encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: true}); err != nil {
			return nil, err
		}
	}
	return block.Bytes(), nil
}

// attacksHTTP2 returns the attacks over HTTP/2, which begins without TLS. They come from
// one address.
func attacksHTTP2() []attack {
	many := func(end bool, fields ...string) func(context.Context, *connection) error {
		return func(ctx context.Context, c *connection) error { return c.many(ctx, end, fields...) }
	}
	return []attack{
		{"3,000 connections of HTTP/2 with 100 requests, not read", 3000, 8, many(true, ":method GET", ":path /healthz")},
		{"HTTP/2 requests for large events, not read", 1000, 8, many(true, ":method GET", ":path /events/large/1")},
		{"HTTP/2 requests with large headers, not read", 1000, 8, many(true, ":method GET", ":path /healthz", "x-large "+strings.Repeat("x", 30_000))},
		{"HTTP/2 bodies that do not arrive", 1000, 8, many(false, ":method POST", ":path /publish", "content-type application/json")},
	}
}
