//go:build linux

// Command benchmark measures eventagg together with what it replaces and with the
// limits of the machine, in one run. scripts/bench builds and starts it.
// pkg/guide/benchmarks.md explains the output.
//
// A [benchCase] is something to measure. Its setUp creates a [trial] with the [lab]
// (a private PostgreSQL, the binary, a folder). The trial runs for a while and
// returns a [measurement]. The [runner] sets each case up again in each round, so
// that no case depends on another, and every second round runs backwards. The
// [results] are printed, written as JSON, and compared with those of another run.
//
//	catalogue.go         all cases
//	load.go, targets.go  cases of the load generator, and their targets
//	bulk.go              cases that send prepared events
//	filled.go, plans.go  cases in a table with many events
package main
