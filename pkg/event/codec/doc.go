// Package codec reads and writes events as JSON: one event, a batch, lines of
// NDJSON, and timestamps. It is API, like package event.
//
//	            ┌─ fast decoder ────▶ Event            (common form)
//	bytes ──────┤        │ anything uncommon or invalid
//	            └────────▼
//	              strict decoder ───▶ Event or InvalidError with every field error
//
// The fast decoder reads an event in one pass and never rejects anything. The
// strict decoder alone decides what is valid, so both give the same result.
//
// The strict decoder uses a JSON parser that follows RFC 7493 (I-JSON): no
// duplicate names, no invalid UTF-8, no lone surrogates.
package codec
