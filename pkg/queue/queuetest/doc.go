// Package brokertest is the conformance suite of the contract in package
// broker. Every engine passes it. A promise that is not checked here is none, so
// new behaviour enters the suite first. Only tests import it.
//
// A package of an engine has one test:
//
//	func TestConformance(t *testing.T) {
//		queuetest.Run(t, func(t *testing.T, o queuetest.Options) queuetest.Harness { … })
//	}
//
// [Memory] is the smallest queue that passes: for tests of what stands around a
// queue, with a clock of their own, also in a bubble of testing/synctest.
package queuetest
