// Package storetest is the conformance suite of the contract in package store.
// Every implementation passes it: the databases, and the layers in front of
// them. New behaviour enters the suite first. Only tests import it, including
// those of stores outside this repository.
//
// The package of a store has one test:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, storetest.Harness{Open: …, Reopen: …, Copy: …, Outage: …})
//	}
//
// Each case gets a fresh store. If an implementation can't pass a case, Except
// names the case and the reason, and the case is skipped.
package storetest
