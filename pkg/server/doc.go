// Package server is the HTTP interface: it turns requests into calls of the
// store's interfaces and their results into answers.
//
//	client ══HTTP══▶ server ──Append──▶ ingest ──▶ store
//	       ◀═════════       ──Stats, Events──────▶ store
//
// A handler reads its request, makes one call, and writes the answer; it
// decides nothing about events. Three things are kept in one place each:
//
//   - which path and method leads where: routes.go;
//   - which error becomes which answer: the table in problem.go. Handlers
//     return errors and never write one themselves;
//   - what happens around each request (its ID, a panic, the log line):
//     middleware.go.
//
// POST /publish is the path that has to be fast. It reads into pooled buffers,
// writes its answer without reflection, and leaves the sharing of commits to
// the Appender behind it. A 2xx goes out only after Append has said that the
// event is committed.
//
// It is the only package that knows Echo, and it knows nothing of databases.
package server
