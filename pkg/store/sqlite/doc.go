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
// Several processes may use one file. They wait for each other and fail with
// [store.ErrUnavailable] after a few seconds.
package sqlite
