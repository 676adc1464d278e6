// Package queuetest is the conformance suite of the contract in package queue.
// Only tests import it.
//
// Every engine passes it. New behaviour enters the suite first. The package of an
// engine has one test:
//
//	func TestConformance(t *testing.T) {
//		queuetest.Run(t, func(t *testing.T, o queuetest.Options) queuetest.Harness { … })
//	}
//
// [Memory] is the smallest queue that passes. Tests of code that uses a queue take
// it, with their own clock or in a bubble of testing/synctest.
package queuetest
