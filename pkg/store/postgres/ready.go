package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store"
)

// readiness is the result of ready.sql.
type readiness struct {
	standby, readOnly bool
	encoding          string
	server            int    // version, such as 170004 for 17.4
	migrated, keyed   bool   // the tables exist, and identities has its key
	lacking           string // rights that the role does not have
}

// columns are the destinations for the columns of ready.sql.
func (r *readiness) columns() []any {
	return []any{&r.standby, &r.readOnly, &r.encoding, &r.server, &r.migrated, &r.keyed, &r.lacking}
}

// The versions of PostgreSQL that are supported and tested.
const minServer, maxServer = 15, 18

// usable returns why the database can't be used, with or without tables.
func (r *readiness) usable() error {
	switch {
	case r.server/10_000 < minServer || r.server/10_000 > maxServer:
		return fmt.Errorf("the server is PostgreSQL %d; supported are %d to %d: %w", r.server/10_000, minServer, maxServer, store.ErrUnavailable)
	case r.encoding != "UTF8" && r.encoding != "SQL_ASCII":
		// With another encoding the server refuses or converts characters.
		// SQL_ASCII, which initdb chooses if LANG is not set, stores every byte
		// unchanged, and the decoder has made sure that events are UTF-8.
		return fmt.Errorf("the database has the encoding %s, and events are UTF-8; "+
			"create one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0: %w", r.encoding, store.ErrUnavailable)
	case r.standby:
		return fmt.Errorf("the database is a standby and accepts no writes; name the primary in database.url: %w", store.ErrUnavailable)
	case r.readOnly:
		return fmt.Errorf("the database is read only; check default_transaction_read_only of the server, the database and the role, "+
			"and the connection pooler if there is one: %w", store.ErrUnavailable)
	default:
		return nil
	}
}

// ready returns why a store can't work on the database.
func (r *readiness) ready() error {
	if err := r.usable(); err != nil {
		return err
	}
	switch {
	case r.lacking != "":
		return fmt.Errorf("the role lacks rights: %s; GRANT them, or use the owner of the tables in database.url: %w", r.lacking, store.ErrUnavailable)
	case !r.migrated:
		return fmt.Errorf("the database lacks the tables of this version; run `eventagg migrate`: %w", store.ErrUnavailable)
	case !r.keyed:
		return fmt.Errorf("the table identities has no valid primary key on (topic_no, id); restore it: %w", store.ErrUnavailable)
	}
	return nil
}

// Ping implements [store.Store]: the database responds, has everything that an append
// needs, accepts writes on a writer's connection. If the last append failed, an
// append on trial must succeed: a trigger, a full disk or a timeout is seen by nothing
// else.
func (s *Store) Ping(ctx context.Context) error {
	const attempted = "reach the database"
	if err := s.enter(attempted); err != nil {
		return err
	}
	defer s.life.RUnlock()
	err := s.ping(ctx, attempted)
	if err == nil {
		err = s.pingAppend(ctx)
	}
	if wrongSession(err) {
		s.resetSessions()
	}
	return err
}

func (s *Store) ping(ctx context.Context, attempted string) error {
	var found readiness
	if err := s.readers.QueryRow(ctx, s.queries.ready).Scan(found.columns()...); err != nil {
		return translate(ctx, err, attempted)
	}
	found.readOnly = false // readers are read-only by configuration
	if !found.migrated && s.opened {
		if err := s.lostTables(ctx); err != nil {
			return err
		}
	}
	if err := found.ready(); err != nil {
		return wrongServer(found.standby, err)
	}
	return s.pingWriter(ctx)
}

// pingAppend returns why appends fail, nil if the last one succeeded.
func (s *Store) pingAppend(ctx context.Context) error {
	recent, err := s.sessions.lastFailure(time.Now())
	if err != nil && !recent {
		err = s.probe(ctx)
		s.sessions.appended(time.Now(), err)
	}
	if err != nil {
		return fmt.Errorf("appends fail: %w", err)
	}
	return nil
}

// probe appends an event and rolls it back.
func (s *Store) probe(ctx context.Context) error {
	const attempted = "append on trial"
	tx, err := s.writers.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.queries.probeBegin})
	if err != nil {
		return translate(ctx, err, attempted)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	now := time.Now().UTC()
	const topic = "eventagg probe"
	_, err = tx.Exec(ctx, s.queries.addTopics, []string{topic})
	if err == nil {
		var result int32
		err = tx.QueryRow(ctx, s.queries.appendOne, topic, appendKey(nil, now.Format(time.RFC3339Nano)), now, "eventagg", "{}", [digest.Size]byte{}).Scan(&result)
	}
	if err != nil {
		return translate(ctx, err, attempted)
	}
	return nil
}

// lostTables explains why tables that were there are not there any more.
func (s *Store) lostTables(ctx context.Context) error {
	db := stdlib.OpenDBFromPool(s.readers)
	defer func() { _ = db.Close() }()
	found, err := schemasOf(ctx, db)
	if err != nil {
		return translate(ctx, err, "find the schema")
	}
	if set, ok := setIn(s.schema, found); ok {
		return set.check(ctx, db)
	}
	return fmt.Errorf("all tables of eventagg in schema %s are gone; restore them from a backup: %w", s.schema, store.ErrUnavailable)
}

// pingWriter checks a writer's connection. It may fail while readers' connections
// work, because of a connection limit of the server, for example. If a writer is
// busy, that is proof enough: waiting for it would take as long as all waiting
// appends.
func (s *Store) pingWriter(ctx context.Context) error {
	const attempted = "reach the database for writing"
	busy := func() bool { return s.writers.Stat().AcquiredConns() > 0 }
	if busy() {
		return nil
	}
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		if busy() { // a writer became busy in the meantime
			return nil
		}
		return translate(ctx, err, attempted)
	}
	defer conn.Release()
	var found readiness
	queryRow := conn.QueryRow
	if s.pooled { // each transaction sets what it needs
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.queries.writerBegin})
		if err != nil {
			return translate(ctx, err, attempted)
		}
		defer func() { _ = tx.Rollback(ctx) }()
		queryRow = tx.QueryRow
	}
	if err := queryRow(ctx, s.queries.ready).Scan(found.columns()...); err != nil {
		return translate(ctx, err, attempted)
	}
	return wrongServer(found.standby || found.readOnly, found.ready())
}
