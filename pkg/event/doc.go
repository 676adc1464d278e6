// Package event is the data model of eventagg: what an event is, which two
// events are the same, and which events are valid. It is API: programs that
// use package client use it, too.
//
// Every valid event can be stored by every store and is read back equal.
// Package codec reads and writes events as JSON and returns an [InvalidError]
// with every field error at once. Everything behind it (group commit, stores,
// readers) takes an [Event] as valid.
//
//	bytes ──codec.Decode──▶ Event ──Append──▶ Outcome (counted in a Tally)
//	           │
//	           └──▶ InvalidError{[]FieldError}
//
// The package knows neither HTTP nor SQL nor the command line.
package event
