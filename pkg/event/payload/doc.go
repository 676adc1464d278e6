// Package payload checks the payload of an event: one JSON object whose text
// every database can store and return unchanged. It is internal; programs use
// packages event and codec.
//
// The rules follow RFC 7493 (I-JSON): no duplicate member names, no invalid
// UTF-8 and no lone surrogates. Databases add three: no U+0000, a limit on the
// depth, and a limit on the digits of a number.
package payload
