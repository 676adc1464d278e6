//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

// lab is the environment of the cases.
type lab struct {
	options
	self     string // this program, which also runs the reference servers
	postgres *postgres
	results  *results // so far
	seed     uint64   // of the next events
}

// Databases of the private PostgreSQL. All but the reference have the tables of the
// migrations.
const (
	databaseEmpty     = "eventagg"  // empty at the start of a case
	databaseFilled    = "filled"    // has -rows events
	databaseReference = "reference" // of the server with one INSERT per request
)

// openLab starts PostgreSQL and prepares the databases.
func openLab(ctx context.Context, o options, r *results) (*lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	l := &lab{options: o, self: self, results: r, seed: uint64(time.Now().UnixNano())}
	if l.postgres, err = newPostgres(ctx, filepath.Join(o.folder, "postgres")); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *lab) close() error { return l.postgres.close() }

// prepare starts PostgreSQL with the settings and creates all databases.
func (l *lab) prepare(ctx context.Context) error {
	settings, err := settingsOf(l.settings)
	if err != nil {
		return err
	}
	filled := slices.ContainsFunc(l.cases, func(c benchCase) bool { return c.filled })
	first := settings
	if filled {
		first = settingsFilling()
	}
	if err := l.postgres.start(ctx, first); err != nil {
		return err
	}
	err = l.createDatabase(ctx, databaseEmpty)
	if err == nil {
		err = l.postgres.exec(ctx, "CREATE DATABASE "+databaseReference)
	}
	if err == nil && filled {
		err = l.fill(ctx, settings)
	}
	if err != nil {
		return errors.Join(err, l.close())
	}
	return nil
}

// createDatabase creates a database with the tables of the migrations.
func (l *lab) createDatabase(ctx context.Context, name string) error {
	if err := l.postgres.exec(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	migrate := exec.CommandContext(ctx, l.binary, "migrate", "--database-url", l.postgres.url+name) //nolint:gosec // our own binary
	migrate.Dir = l.folder
	if output, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrate: %w: %s", err, output)
	}
	return l.exec(ctx, name, plainSchema)
}

// plainSchema is the table that the bare statements write to: what one would make
// without eventagg, with the key, an order and a time.
const plainSchema = `
	CREATE TABLE plain_events (
		seq         bigint      GENERATED ALWAYS AS IDENTITY,
		created_at  timestamptz NOT NULL DEFAULT now(),
		occurred_at timestamptz NOT NULL,
		topic       text        NOT NULL COLLATE "C",
		event_id    text        NOT NULL COLLATE "C",
		source      text        NOT NULL COLLATE "C",
		payload     json        NOT NULL,
		PRIMARY KEY (topic, event_id)
	);
	CREATE INDEX plain_events_order ON plain_events (seq);
	CREATE INDEX plain_events_topic ON plain_events (topic, seq)`

// serve starts instances of eventagg on one database.
func (l *lab) serve(ctx context.Context, instances int, url string) ([]*process, error) {
	var servers []*process
	for range instances {
		server, err := start(ctx, l.binary, "serve", "--http-addr", "127.0.0.1:0", "--database-url", url, "--log-level", "info")
		if err != nil {
			return nil, errors.Join(err, stopAll(servers))
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func stopAll(servers []*process) error {
	errs := make([]error, len(servers))
	for i, server := range servers {
		errs[i] = server.stop()
	}
	return errors.Join(errs...)
}

// generator returns a generator whose events differ from all others of the run.
func (l *lab) generator(duplicates float64) (*loadgen.Generator, error) {
	l.seed++
	return loadgen.NewGenerator(loadgen.GeneratorOptions{DupRate: duplicates, Seed: l.seed, Start: time.Now()})
}

// source returns new events with that fraction of repeats and ids of the wanted
// version.
func (l *lab) source(duplicates float64) (loadgen.Source, error) {
	generator, err := l.generator(duplicates)
	if err != nil {
		return nil, err
	}
	return l.withIDs(generator.Source()), nil
}

// make returns n different events.
func (l *lab) make(n int) ([]event.Event, error) {
	generator, err := l.generator(0)
	if err != nil {
		return nil, err
	}
	events := make([]event.Event, n)
	for i := range events {
		events[i] = generator.Event(int64(i))
		if l.ids == idsRandom {
			events[i].ID = randomID(events[i].ID)
		}
	}
	return events, nil
}

func (l *lab) withIDs(source loadgen.Source) loadgen.Source {
	if l.ids == idsRandom {
		return randomIDs{source}
	}
	return source
}

// pool connects to one of the databases.
func (l *lab) pool(ctx context.Context, database string, connections int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(l.postgres.url + database)
	if err != nil {
		return nil, fmt.Errorf("parse the database URL: %w", err)
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return pool, nil
}

// tablePool connects to a database, and empties its tables if it is the empty one.
func (l *lab) tablePool(ctx context.Context, database string, connections int) (*pgxpool.Pool, error) {
	if database == databaseEmpty {
		if err := l.emptyTables(ctx); err != nil {
			return nil, err
		}
	}
	return l.pool(ctx, database, connections)
}

// emptyTables removes all events, so that all cases start the same way.
func (l *lab) emptyTables(ctx context.Context) error {
	return l.exec(ctx, databaseEmpty, "TRUNCATE plain_events, topics, identities, events, commits, repeats, totals, ticks; UPDATE sums SET stored = 0, duplicates = 0, topics = 0")
}

// exec runs one statement in one of the databases.
func (l *lab) exec(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, l.postgres.url+database)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
