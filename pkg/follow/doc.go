// Package follow lets any number of followers read the events of a store as they
// are stored: each event once, in the order of the store, from any position on.
//
//	store ──Newer──▶ tail (one reader) ──▶ recent events ──▶ followers at the end
//	  └────────────Newer, two at a time────────────────────▶ followers that are behind
//
// The order and its completeness are the store's: [store.EventReader].Newer gives
// only what has settled, so that a position stays right on every instance. The
// feed only saves work. While anybody follows, one reader per process asks for
// new events, turns each into text once, and keeps the last ones; a follower is
// just a position, and copies what lies behind it. One that fell out of the
// recent events reads pages of its own until it has caught up. So a slow
// follower costs a buffer, never a queue, and nobody waits for it.
//
// While the process stores events, all followers together get a fixed share of
// the processor: they come later then, and storing goes on.
package follow
