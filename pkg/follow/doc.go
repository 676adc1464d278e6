// Package follow streams the events of a store to any number of followers. Each
// follower gets every event once, in the order of the store, from any position.
// The package is internal; programs follow events with package client.
//
//	store ──Newer──▶ tail (one reader) ──▶ recent events ──▶ followers at the end
//	  └────────────Newer, two at a time────────────────────▶ followers that are behind
//
// The store guarantees order and completeness: [store.EventReader].Newer returns
// stable events only, so a position is valid on every instance. This package
// only saves work.
//
// If there are followers, one reader per process polls the store, encodes each
// new event once and keeps the most recent ones. A follower is a position; it
// copies the events after it. A follower that is behind the recent events reads
// pages of its own until it has caught up. A slow follower therefore costs one
// buffer and no queue, and others never wait for it.
//
// While the process stores events, all followers together get a limited CPU
// budget: followers lag instead of slowing down storing.
package follow
