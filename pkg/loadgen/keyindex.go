package loadgen

import (
	"hash/maphash"
	"slices"

	"github.com/eventagg/eventagg/pkg/event"
)

// keyIndex numbers the keys of a file and keeps a hash of the contents sent with each.
type keyIndex struct {
	seed    maphash.Seed
	indexes map[event.Key]int64
	keys    []event.Key
	first   []uint64           // hash of version 0, by index
	further map[int64][]uint64 // hashes of versions 1 and up
}

func newKeyIndex() *keyIndex {
	return &keyIndex{seed: maphash.MakeSeed(), indexes: map[event.Key]int64{}, further: map[int64][]uint64{}}
}

// ref returns the key number and content version of e. Without an index each
// event is key 0.
func (m *keyIndex) ref(e event.Event) Ref {
	if m == nil {
		return Ref{}
	}
	hash := contentHash(m.seed, e)
	index, ok := m.indexes[e.Key()]
	if !ok {
		index = int64(len(m.keys))
		m.indexes[e.Key()] = index
		m.keys = append(m.keys, e.Key())
		m.first = append(m.first, hash)
		return Ref{Index: index}
	}
	if m.first[index] == hash {
		return Ref{Index: index}
	}
	at := slices.Index(m.further[index], hash)
	if at < 0 {
		at = len(m.further[index])
		m.further[index] = append(m.further[index], hash)
	}
	return Ref{Index: index, Version: at + 1}
}

func (m *keyIndex) matches(index int64, version int, stored event.Event) bool {
	if stored.Key() != m.keys[index] {
		return false
	}
	hash := contentHash(m.seed, stored)
	switch {
	case version < 0:
		return hash == m.first[index] || slices.Contains(m.further[index], hash)
	case version == 0:
		return hash == m.first[index]
	default:
		return hash == m.further[index][version-1]
	}
}
