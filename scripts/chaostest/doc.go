// Package chaostest breaks a running eventagg in every way it can think of, and
// then holds it to its word. scripts/chaos runs it for as long as you like;
// scripts/test for some seconds.
//
// Three instances with workers, on one PostgreSQL and one Redis, are fed through
// proxies by senders that repeat what they are unsure of. Meanwhile faults come
// in an order that the seed decides. A ledger has everything that was sent and
// everything that was answered; at the end one verdict is drawn from it and
// from what the database holds:
//
//	missing      answered with success, ignored or queued, and not stored
//	twice        stored twice, or answered success twice
//	miscounted   received ≠ unique + duplicates, or unique ≠ rows
//	inflated     more received than was ever sent, or fewer than was answered
//
// All four must be 0. What fails once fails again with the same seed, as far as
// the machine plays along.
package chaostest
