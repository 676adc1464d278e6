//go:build linux

// Command benchmark measures eventagg against what it replaces and against what
// the machine can do, all in one run. scripts/bench builds and starts it; see
// there for how to read what it prints.
//
// A [benchCase] is something to measure. Its setUp makes a [trial] out of what
// the [lab] has (a private PostgreSQL, the binary, a folder), which runs for a
// while and answers a [measurement]. The [runner] sets every case up anew for
// every round, so that none lives off what another left behind, and goes through
// them forwards and backwards in turn. What comes out are [results]: they are
// printed, written as JSON, and compared with those of another run.
//
//	catalogue.go         all cases
//	load.go, targets.go  cases that a load generator drives, and at what
//	bulk.go              cases that send what was made before
//	filled.go, plans.go  cases in a table with many events
package main
