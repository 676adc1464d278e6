package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/store"
)

// readiness is what ready.sql answers.
type readiness struct {
	standby, readOnly bool
	encoding          string
	migrated          bool
}

// columns are where the statement's answer goes.
func (r *readiness) columns() []any {
	return []any{&r.standby, &r.readOnly, &r.encoding, &r.migrated}
}

// suits says what keeps the database from being used, with or without tables.
func (r *readiness) suits() error {
	switch {
	case r.encoding != "UTF8" && r.encoding != "SQL_ASCII":
		// Under another encoding the server refuses or converts characters.
		// SQL_ASCII, what initdb makes where LANG is not set, takes every byte as
		// it is; that it is UTF-8 the decoder has seen to.
		return fmt.Errorf("the database has the encoding %s, and events are UTF-8; "+
			"make one with CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0: %w", r.encoding, store.ErrUnavailable)
	case r.standby:
		return fmt.Errorf("the database is a standby and takes no writes; name the primary in database.url: %w", store.ErrUnavailable)
	case r.readOnly:
		return fmt.Errorf("the database is read only; check default_transaction_read_only of the server, the database, the role "+
			"and a connection pooler in between: %w", store.ErrUnavailable)
	default:
		return nil
	}
}

// ready says what keeps a store from working on the database.
func (r *readiness) ready() error {
	if err := r.suits(); err != nil {
		return err
	}
	if !r.migrated {
		return fmt.Errorf("the database lacks the tables of this version; run `eventagg migrate`: %w", store.ErrUnavailable)
	}
	return nil
}

// Ping implements [store.Store]: the database answers, has the tables, and takes
// writes on a connection that is there for them.
func (s *Store) Ping(ctx context.Context) error {
	const attempt = "reach the database"
	if err := s.enter(attempt); err != nil {
		return err
	}
	defer s.life.RUnlock()
	var found readiness
	if err := s.readers.QueryRow(ctx, s.queries.ready).Scan(found.columns()...); err != nil {
		return translate(ctx, err, attempt)
	}
	found.readOnly = false // readers are so by our own wish
	if err := found.ready(); err != nil {
		return err
	}
	return s.pingWriter(ctx)
}

// pingWriter asks a writer, whose connections may fail where those of readers
// don't, by the limits of the server for one. A writer at work is an answer in
// itself: waiting for its turn would take as long as the queue of appends.
func (s *Store) pingWriter(ctx context.Context) error {
	const attempt = "reach the database for writing"
	busy := func() bool { return s.writers.Stat().AcquiredConns() > 0 }
	if busy() {
		return nil
	}
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		if busy() { // since it was looked at
			return nil
		}
		return translate(ctx, err, attempt)
	}
	defer conn.Release()
	var found readiness
	ask := conn.QueryRow
	if s.pooled { // which names its needs with each transaction
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.queries.writerBegin})
		if err != nil {
			return translate(ctx, err, attempt)
		}
		defer func() { _ = tx.Rollback(ctx) }()
		ask = tx.QueryRow
	}
	if err := ask(ctx, s.queries.ready).Scan(found.columns()...); err != nil {
		return translate(ctx, err, attempt)
	}
	return found.ready()
}
