// Package store is the contract of every store of events: small interfaces whose
// comments are the specification. It is API, like package event.
//
// One verb runs through the program, [Appender].Append. The PostgreSQL store,
// the embedded SQLite store, the group commit in front of them (package ingest)
// and the HTTP client (package client) implement it:
//
//	loadgen ─▶ client ══HTTP══▶ server ─▶ ingest ─▶ store/postgres | store/sqlite
//
// So one conformance suite (package storetest) proves exactly-once at every
// depth. It checks what the comments here say. If an implementation must do
// more, the comments and the suite say so first.
package store
