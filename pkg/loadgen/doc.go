// Package loadgen sends events to a store and measures, counts and proves what
// became of them. It is what `eventagg publish` and `eventagg demo` run.
//
// It stands at the very left of the flow and drives the same verb as every
// other layer, so that it can load a server, a bare store or a fake:
//
//	Source ──Batch──▶ Runner ──Append──▶ store.Appender (client, store, fake)
//	                    │
//	                    ├─▶ counters and histograms ─▶ Report ─▶ Check (--fail-if)
//	                    └─▶ Ledger ─▶ Verify ◀──Event── Reader (asked back)
//
// The decisions are pure and apart from the goroutines: [Generator] says what
// is in each slot of a run and [Pacer] when it is due, both as functions of the
// slot's number; [Check] and [Report] are values. [Runner] is a thin loop
// around them. A worker shares nothing with the others but the number of the
// next slot: counters and histogram are its own and are added up when somebody
// looks. That keeps the generator several times cheaper than what it loads.
//
// Two things are easy to get wrong in a load generator, and are not here.
// Repeats are exact: they are earlier events of the same run, and as many as
// asked for, to the last one. And latency at a constant rate counts from when
// a request was planned, not from when a free worker came round to sending it,
// so that a slow server can't hide its slowness by slowing down the generator.
package loadgen
