// Package event is the model that every part of eventagg shares: what an event
// is, what makes two of them the same, and which ones can be stored.
//
// It stands at the start of the flow. [Decode] turns the bytes of a request
// into an [Event] or into an [InvalidError] that names every fault at once;
// everything behind it — group commit, stores, readers — takes an Event as
// sound. The rule that makes this work: whatever Decode accepts, every store
// can store, and gives back equal.
//
// The package knows nothing of HTTP, SQL or the command line, and imports only
// the standard library and a JSON parser that is strict about what RFC 7493
// (I-JSON) asks: no duplicate names, no broken UTF-8, no lone surrogates.
package event
