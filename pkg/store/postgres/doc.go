// Package postgres stores events in PostgreSQL 15 to 18. It is internal: other
// programs use package store's interfaces. It is the last stage of an append, and
// the only package that imports pgx.
//
// An append is one statement (sql/postgres/queries/append.sql), and so one
// transaction: the rows, the decision which of them are duplicates, and the
// counters are committed together or not at all. The primary key decides what is
// a duplicate. This package adds order in two senses. It inserts keys in sorted
// order, so that instances never deadlock. And each row has the ID of its
// transaction, so that readers know up to which position the order is stable:
// everything below the oldest running transaction ([Store.Newer]).
//
// Behind a pooler in transaction mode (Options.Pooled) there is no session to
// configure. Each append is then a transaction that sets its own isolation level
// and synchronous_commit, sent in one round trip. Every lock belongs to a
// transaction.
//
// Writers and readers have separate pools: expensive queries of a dashboard never
// keep an event waiting for a connection.
package postgres
