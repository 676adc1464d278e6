// Package publish handles POST /publish. It is internal to eventagg.
//
// A request walks forward through the files of this package, one stage a file:
//
//		handler ─▶ detect ─▶ decompress ─▶ read ─▶ decode ─▶ append ─▶ respond
//		              └────▶ lines: the same stages for NDJSON, as a stream
//
//	  - detect.go: which form the events have, and what the client prefers;
//	  - decompress.go: gzip and zstd, within the memory budget;
//	  - read.go: the body, bounded in size, memory and time;
//	  - decode.go: the events; hint.go words what the sender may have meant;
//	  - append.go: the call that commits them;
//	  - respond.go: the outcomes.
//
// A 2xx is sent only after Append has returned, so after the COMMIT. Buffers and
// decoders are pooled, and responses are written without reflection: this is the
// path that must be fast.
package publish
