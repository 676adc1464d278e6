// Package client speaks the HTTP interface and gives back what the store's
// interfaces promise: it is the same Append, Stats and errors at the far end of
// a network.
//
//	loadgen ──Append──▶ client ══HTTP══▶ server ──Append──▶ ingest ──▶ store
//	stats, tail ──────▶
//
// Answers become the store's sentinel errors again, so that a caller need not
// know whether a store is near or far. The client never sends a request a
// second time by itself: whoever counts outcomes has to know of every attempt.
// The exceptions are [Client.Follow] and [Client.Export], which only read.
//
// Reading uses net/http. POST /publish has its own way over the wire (wire.go
// and package exchange): a load generator must be far cheaper than the server
// it loads, and net/http spends two thirds of what a small request costs on
// goroutines, channels and maps that one request after the other on one
// connection has no need of. Nobody outside of this package can tell.
package client
