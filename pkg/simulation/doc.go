// Package simulation tests the parts between HTTP and the database together, on a
// simulated clock: group commit, circuit breakers, fallback, queue worker and follower,
// of two instances that share a store and a queue. The store and the queue fail in every
// way that their contracts allow. It is internal and has only tests.
//
// A seed decides the events, the faults and all waiting times. Each call to the store
// draws from a generator of its own, seeded with the seed and what the call is about, so
// that a run does not depend on the order in which goroutines are scheduled.
//
// After each run a model judges the history of the senders, not examples: for each key,
// the outcomes must be those of a register that is set once (checked with porcupine), and
// the counters must lie between what was acknowledged and what was sent.
package simulation
