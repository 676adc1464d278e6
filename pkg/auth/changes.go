package auth

import (
	"maps"
	"slices"
	"strings"
)

// Changes are the differences between two sets of keys, for the log. They have no hashes.
type Changes struct {
	// Added and Removed are the IDs of keys that only one of the sets has, in order.
	Added, Removed []string
	// Changed has a text for each other key that has changed, in the order of their IDs:
	// "shop: hash added, limits".
	Changed []string
}

// ChangesSince returns what has changed since an earlier set, nil for none.
func (s *Set) ChangesSince(old *Set) Changes {
	if old == nil {
		old = new(Set)
	}
	c := Changes{Added: without(s.ids, old.ids), Removed: without(old.ids, s.ids)}
	changed := map[string]map[string]bool{}
	note := func(id, what string) {
		if changed[id] == nil {
			changed[id] = map[string]bool{}
		}
		changed[id][what] = true
	}
	compare(old.hashes, s.hashes, "hash", note)
	compare(old.certificates, s.certificates, "cert", note)
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		if contains(s.ids, id) && contains(old.ids, id) {
			c.Changed = append(c.Changed, id+": "+strings.Join(slices.Sorted(maps.Keys(changed[id])), ", "))
		}
	}
	return c
}

// compare notes the differences between the identities of two sets.
func compare[P comparable](old, current map[P]*Identity, proof string, note func(id, what string)) {
	for p, now := range current {
		before := old[p]
		if before == nil || before.Key != now.Key {
			note(now.Key, proof+" added")
			continue
		}
		for what, differs := range map[string]bool{
			"scopes":  before.scopes != now.scopes,
			"topics":  !slices.Equal(before.topics, now.topics) || before.Bounded() != now.Bounded(),
			"expires": !before.expires.Equal(now.expires),
			"limits":  before.Limits != now.Limits,
		} {
			if differs {
				note(now.Key, what)
			}
		}
	}
	for p, before := range old {
		if now := current[p]; now == nil || now.Key != before.Key {
			note(before.Key, proof+" removed")
		}
	}
}

// without returns the elements of a sorted list that another sorted list does not have.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return contains(other, id) })
}

// contains reports whether a sorted list has an element.
func contains(list []string, id string) bool {
	_, found := slices.BinarySearch(list, id)
	return found
}
