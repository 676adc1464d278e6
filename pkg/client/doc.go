// Package client is the Go client for an eventagg server. It implements the
// interfaces of package store over HTTP: Append, Stats, and the same errors. It
// is API for other programs.
//
//	loadgen ──Append──▶ client ══HTTP══▶ server ──Append──▶ ingest ──▶ store
//	stats, tail ──────▶
//
// Error responses become the store's sentinel errors again, so a caller does not
// need to know whether a store is local or remote. The client never repeats a
// request by itself, because a caller that counts outcomes must see each
// attempt. The exceptions are [Client.Follow] and [Client.Export], which only
// read.
//
// Reading uses net/http. POST /publish uses package transport, because a load
// generator must be much cheaper than the server that it measures.
package client
