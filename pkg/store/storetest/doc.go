// Package storetest is the conformance suite of the contract in package store.
// Every implementation passes it: the databases, and what stands in front of
// them. A promise that is not checked here is none, so new behaviour enters the
// suite first. Only tests import it.
//
// A package of a store has one test:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, storetest.Harness{Open: …, Reopen: …, Copy: …, Outage: …})
//	}
//
// Each case gets a fresh store. One that an implementation can't pass is named
// in Except together with the reason, and shows as skipped.
package storetest
