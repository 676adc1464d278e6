// Package export writes stored events to a file, one JSON object a line. It is
// internal to eventagg.
//
//	client.Export ──records──▶ File ──[gzip, zstd]──▶ .events.ndjson.zst.X.partial ──Commit──▶ events.ndjson.zst
//
// A file gets its name when it is complete. An export that fails leaves nothing.
package export
