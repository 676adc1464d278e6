package digest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/eventagg/eventagg/pkg/event"
)

// maxNameBytes is the maximum length of a member's name in the result of [Differing].
const maxNameBytes = 64

// Differing returns the names of the members in which the contents of two events differ,
// at most limit of them: timestamp, source, and payload.NAME for each differing member of
// the payload, sorted by name. A name of more than 64 bytes is left out: payload alone
// stands for it. Members of nested objects are not listed.
func Differing(a, b *event.Event, limit int) []string {
	var names []string
	if !sameTime(a, b) {
		names = append(names, event.FieldTimestamp)
	}
	if a.Source != b.Source {
		names = append(names, event.FieldSource)
	}
	for _, name := range differingMembers(a.Payload, b.Payload) {
		if len(names) >= limit {
			break
		}
		full := event.FieldPayload
		if len(name) <= maxNameBytes {
			full += "." + name
		}
		if !slices.Contains(names, full) {
			names = append(names, full)
		}
	}
	return names
}

// differingMembers returns the sorted names of the members that only one of two payloads
// has, or that have another value there.
func differingMembers(a, b string) []string {
	if a == b {
		return nil
	}
	left, right := members(a), members(b)
	differing := map[string]bool{}
	for name, value := range left {
		if other, found := right[name]; !found || !bytes.Equal(value, other) {
			differing[name] = true
		}
	}
	for name := range right {
		if _, found := left[name]; !found {
			differing[name] = true
		}
	}
	return slices.Sorted(maps.Keys(differing))
}

// members returns the members of a payload in canonical form. A payload that is not an
// object has none.
func members(payload string) map[string]json.RawMessage {
	var found map[string]json.RawMessage
	_ = json.Unmarshal(canonical(payload), &found)
	return found
}
