// Package loadgen sends events to a store, measures the run, and verifies the
// result. `eventagg publish` and `eventagg demo` use it. It is internal to eventagg.
//
// The target is a [store.Appender], so the package can load a server, a store or a
// fake:
//
//	Source ──Batch──▶ Runner ──Append──▶ store.Appender (client, store, fake)
//	                    │
//	                    ├─▶ counters and histogram ─▶ Report ─▶ Check (--fail-if)
//	                    └─▶ Ledger ─▶ Verify ◀──Event── Reader (reads each key back)
//
// The decisions are pure and separate from the goroutines: [Generator] computes the
// event of each slot of a run, and [Pacer] its scheduled time. [Check] and [Report]
// are values. [Runner] is a thin loop around them. Workers share only the number of
// the next slot and the latency histogram, so the generator is several times cheaper
// than the server that it measures.
//
// Repeats are exact: they repeat earlier events of the same run, and their number is
// as requested, to the last one. With a constant rate the run is an open loop:
// latency is measured from the scheduled time of a request (no coordinated omission).
// So a slow server can't hide by slowing down the generator.
package loadgen
