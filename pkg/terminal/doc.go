// Package terminal renders what people read in a terminal: tables, trends, events,
// progress and colours. It is internal to eventagg.
//
//	cmd ──samples, records, progress──▶ terminal ──text──▶ stdout or stderr
//
// Text from events is escaped, so that it never controls the terminal. Output that
// is not a terminal gets neither colours nor lines that are overwritten.
package terminal
