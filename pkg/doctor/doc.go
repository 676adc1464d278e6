// Package doctor judges an installation: which guarantee holds, and what weakens it.
//
// Facts come from the packages of the stores and of the queue, and from the caller.
// [Judge] turns them into a [Report] by rules. A rule reads nothing itself, so that each
// can be tested with facts that are hard to produce on a real server.
package doctor
