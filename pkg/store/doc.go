// Package store is the contract between the parts of eventagg that move events
// and the parts that keep them.
//
// One verb runs through the program, [Appender].Append. The PostgreSQL store,
// the embedded SQLite store, the group commit in front of them (package
// ingest) and the HTTP client (package client) all implement it:
//
//	loadgen ─▶ client ══HTTP══▶ server ─▶ ingest ─▶ store/postgres | store/sqlite
//
// so that one conformance suite (package storetest) proves exactly-once at
// every depth. The comments here are the specification; the suite checks them.
// What an implementation must do beyond its interface enters both first.
package store
