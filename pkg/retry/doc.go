// Package retry has what code needs that tries again: a sleep that a context
// ends, a backoff between attempts, and an estimate of the time that a backlog
// takes to drain, which servers send as Retry-After. It is internal to eventagg.
//
// Time and randomness come from the caller, so tests need neither.
package retry
