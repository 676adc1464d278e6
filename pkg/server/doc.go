// Package server is the HTTP interface: it turns requests into calls of the
// store's interfaces, and their results into responses. It is internal to
// eventagg.
//
//	client ══HTTP══▶ server ─▶ publish ──Append──▶ ingest ──▶ store
//	                    └────▶ query ──Stats, Events────────▶ store
//
// This package has what concerns every request; the handlers are below it:
//
//   - server.go: options, start, drain and shutdown;
//   - routes.go: which path and method leads to which handler;
//   - middleware.go: the ID, the panic and the log line of each request;
//   - crossorigin.go: which web pages and host names are refused;
//   - metrics.go, tracing.go: what is reported about each request;
//   - health.go, docs.go: health checks, OpenAPI and guides;
//   - publish/: POST /publish, the path that must be fast;
//   - query/: everything that reads;
//   - respond/: writes every response; the table from errors to HTTP is in
//     respond/problem.go.
//
// A handler reads its request, makes one call, and writes the response. It decides
// nothing about events. Only pkg/server and the packages below it import Echo, and
// none of them knows a database.
package server
