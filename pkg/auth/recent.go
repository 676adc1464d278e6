package auth

import (
	"container/list"
	"time"
)

// maxForgetTries is the maximum number of values that are checked to find one that can be
// forgotten.
const maxForgetTries = 8

// recent is a map whose size is limited. The least recently used value is forgotten
// first, but only if nothing is lost with it: a new value would be in the same state.
// Otherwise a client could use up its tokens, make the map forget it by requests from
// other addresses, and start again with all tokens. It is not safe for concurrent use.
type recent[K comparable, V any] struct {
	max int
	// unused reports whether a value is in the state of a new one.
	unused func(value V, now time.Time) bool

	order   *list.List // of *pair, the most recently used first
	entries map[K]*list.Element
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](maximum int, unused func(V, time.Time) bool) recent[K, V] {
	return recent[K, V]{max: maximum, unused: unused, order: list.New(), entries: map[K]*list.Element{}}
}

// find returns the value of a key, and whether there is one.
func (r *recent[K, V]) find(key K) (value V, found bool) {
	element, found := r.entries[key]
	if !found {
		return value, false
	}
	r.order.MoveToFront(element)
	return r.at(element).value, true
}

// add adds a value, even if there is no room.
func (r *recent[K, V]) add(key K, value V) {
	r.entries[key] = r.order.PushFront(&pair[K, V]{key, value})
}

// makeRoom reports whether there is room for another value. It may forget one for it.
// Values that can't be forgotten move to the front, so that the next call checks others.
func (r *recent[K, V]) makeRoom(now time.Time) bool {
	if len(r.entries) < r.max {
		return true
	}
	for range maxForgetTries {
		oldest := r.order.Back()
		if p := r.at(oldest); r.unused(p.value, now) {
			r.order.Remove(oldest)
			delete(r.entries, p.key)
			return true
		}
		r.order.MoveToFront(oldest)
	}
	return false
}

func (*recent[K, V]) at(element *list.Element) *pair[K, V] {
	return element.Value.(*pair[K, V]) //nolint:forcetypeassert // the list has nothing else
}
