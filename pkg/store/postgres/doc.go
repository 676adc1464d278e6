// Package postgres stores events in PostgreSQL 15 to 18. It is internal: other
// programs use package store's interfaces. It is the last stage of an append, and
// the only package that imports pgx.
//
// An append is one statement (sql/postgres/queries/append.sql), and so one
// transaction: the identities, which decide what is a duplicate, the data, and the log,
// which counts, are committed together or not at all. This package adds order in two
// senses. It inserts keys in sorted order, so that instances never deadlock. And each
// transaction takes its number while it holds the shards of its topics until COMMIT,
// so that readers know up to which number a shard is complete. Ticks make one order of
// all shards ([Store.Newer]).
//
// Nothing is updated again and again: the log is insert-only, and is folded into
// totals now and then (maintain.go). Data is in partitions by time; identities are
// not, so data can be dropped and its keys stay.
//
// Behind a pooler in transaction mode (Options.Pooled) there is no session to
// configure. Each append is then a transaction that sets its own isolation level
// and synchronous_commit, sent in one round trip. Every lock belongs to a
// transaction.
//
// Writers and readers have separate pools: expensive queries of a dashboard never
// keep an event waiting for a connection.
package postgres
