// Package retention drops old data from a store while a server runs: event data that is
// older than a maximum age, and later the identities.
//
// The store does the work in bounded steps, see [store.Retainer]. This package decides
// what is too old and when to look, pauses between the steps so that events are stored
// meanwhile, and reports.
package retention
