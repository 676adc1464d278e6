// Package publish handles POST /publish. It is internal to eventagg.
//
// A request walks forward through the files of this package, one stage a file:
//
//		handler ─▶ detect ─▶ prefer ─▶ decompress ─┬─▶ read ─▶ decode ─▶ append ─▶ respond
//		                                           └─▶ lines: NDJSON, as a stream
//
//	  - detect.go: the form of the events, by the header;
//	  - prefer.go: what the client prefers (RFC 7240);
//	  - limits.go: the rates of the client;
//	  - decompress.go: gzip, zstd and deflate, within the memory budget (budget.go);
//	  - read.go: the body, bounded in size, memory and time;
//	  - decode.go: the events; hint.go words what the sender may have meant;
//	  - append.go: the call that commits them;
//	  - respond.go: the outcomes.
//
// NDJSON has the same stages for each line: lines_read.go reads and decodes,
// lines_queue.go gathers lines into chunks, lines_append.go commits them.
//
// A 2xx is sent only after Append has returned, so after the COMMIT. Buffers and
// decoders are pooled, and responses are written without reflection: this is the
// path that must be fast.
package publish
