// Package postgres keeps events in PostgreSQL 14 or newer. It is the last stop
// of an event's way, and the only package that knows pgx.
//
// An append is one statement (sql/postgres/queries/append.sql), and so one
// transaction: the rows, the decision which of them are duplicates, and the
// counters are committed together or not at all. The primary key decides; what
// this package adds is order, in two senses. Keys are inserted in sorted order,
// so that instances never deadlock. And rows carry the ID of their transaction,
// so that readers can tell what is settled: everything below the oldest
// transaction still running ([Store.Newer]).
//
// Behind a pooler in transaction mode (Options.Pooled) there is no session to
// set up: each append is a transaction that names its isolation level and what
// its COMMIT waits for, sent in one piece, and every lock is one of a
// transaction.
//
// Writers and readers have pools of their own: a dashboard that asks too much
// never keeps an event waiting for a connection.
package postgres
