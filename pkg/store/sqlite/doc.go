// Package sqlite keeps events in one SQLite file. It is the store that serve
// uses when it is told nothing, and the only package that knows SQLite's driver,
// which is pure Go: the binary needs no C library.
//
// SQLite has one writer at a time. That is no weakness here but what makes
// everything else simple: the order of rows is the order of commits, so a reader
// that has seen row 8 will never meet a row 7; and a batch costs one write to
// the disk however many events it holds, which is why package ingest gathers
// them. Readers work beside the writer and never wait for it (WAL mode).
//
// An append is one transaction: the rows, the decision which events are
// duplicates, made by a unique index, and the counters. synchronous=FULL means
// that it is on the disk when Append returns.
//
// Several processes may use one file. They wait for each other, and give up
// after a few seconds with [store.ErrUnavailable].
package sqlite
