// Package chaostest injects faults into a running eventagg under load and verifies
// its guarantees afterwards. It has tests only. scripts/chaos runs it for any time,
// scripts/test for some seconds.
//
// Three instances with workers share one PostgreSQL and one Redis. Senders publish
// through proxies and send again what got no response. Faults are injected in an order
// that the seed decides. A ledger records everything that was sent and every response.
// In the end, the verdict compares it with the database:
//
//	missing      response success, ignored or queued, and not stored
//	twice        stored twice, or response success twice
//	miscounted   received ≠ unique + duplicates, or unique ≠ rows
//	inflated     more received than sent, or fewer than responses
//
// All four must be 0. A failure comes again with the same seed, as far as the timing of
// the machine allows.
package chaostest
