//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// referencePool is the number of database connections of the replaced design.
const referencePool = 20

// serveReference runs a good implementation of the design that eventagg replaces: one
// INSERT per request from a pool of 20 connections, and one UPDATE of a counter row
// per duplicate. It decodes and validates like eventagg, so only the storage differs.
func serveReference(ctx context.Context, address, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("parse the database URL: %w", err)
	}
	config.MaxConns = referencePool
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, referenceSchema); err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, "ok") })
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			respond(w, http.StatusBadRequest, "unreadable")
			return
		}
		e, err := codec.Decode(body)
		if err != nil {
			respond(w, http.StatusUnprocessableEntity, "invalid")
			return
		}
		status, err := storeOne(r.Context(), pool, e)
		if err != nil {
			respond(w, http.StatusServiceUnavailable, "unavailable")
			return
		}
		respond(w, http.StatusOK, status)
	})
	return serveHandler(ctx, address, mux)
}

const referenceSchema = `
	CREATE TABLE IF NOT EXISTS reference_events (
		id bigserial PRIMARY KEY, topic text NOT NULL, event_id text NOT NULL, occurred_at timestamptz NOT NULL,
		source text NOT NULL, payload jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
		UNIQUE (topic, event_id));
	CREATE TABLE IF NOT EXISTS reference_stats (id integer PRIMARY KEY, duplicates bigint NOT NULL);
	INSERT INTO reference_stats VALUES (1, 0) ON CONFLICT DO NOTHING`

func storeOne(ctx context.Context, pool *pgxpool.Pool, e event.Event) (string, error) {
	tag, err := pool.Exec(ctx, `INSERT INTO reference_events (topic, event_id, occurred_at, source, payload)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (topic, event_id) DO NOTHING`,
		e.Topic, e.ID, e.Timestamp, e.Source, e.Payload)
	if err != nil {
		return "", err
	}
	if tag.RowsAffected() == 1 {
		return "success", nil
	}
	_, err = pool.Exec(ctx, `UPDATE reference_stats SET duplicates = duplicates + 1 WHERE id = 1`)
	return "ignored", err
}

// serveNothing responds without processing, which leaves the cost of the generator.
func serveNothing(ctx context.Context, address string) error {
	return serveHandler(ctx, address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		respond(w, http.StatusOK, "success")
	}))
}

func respond(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"status":"`+word+`","message":"","topic":"","event_id":""}`) //nolint:gosec // words of this file
}

func serveHandler(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
