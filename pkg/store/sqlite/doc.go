// Package sqlite stores events in one SQLite file. It is internal: other programs
// use package store's interfaces. It is the default store of serve, and the only
// package that imports SQLite's driver. The driver is pure Go, so the binary needs
// no C library.
//
// SQLite has one writer at a time, and that makes everything else simple. The order
// of rows is the order of commits, so a reader that has seen row 8 never finds a
// row 7 later. A batch costs one write to the disk, however many events it has:
// that is why package ingest gathers them. Readers work beside the writer and never
// wait for it (WAL mode).
//
// An append is one transaction: the rows, the decision which events are duplicates
// (by a unique index), and the counters. With synchronous=FULL it is on the disk
// when Append returns.
//
// Some seconds after the last write, the store copies the write-ahead log (WAL) into
// the file and empties it, so that a copy of the file alone is whole. It compares the
// files beside the database with those that it opened before and after each commit:
// a commit to a removed WAL would be lost at the end of the process.
//
// created_at is the clock's time and not in the order of rows. The table event_times
// bounds the times of each block of rows, so that reads between two times stay fast.
//
// Several processes may use one file. They wait for each other and fail with
// [store.ErrUnavailable] after a few seconds.
package sqlite
