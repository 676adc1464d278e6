package topiclimit

import (
	"hash/maphash"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
)

// maxKnown is the maximum number of topics that are remembered, which takes about
// 2 MiB. With more topics, some are looked up again.
const maxKnown = 100_000

// known remembers topics that exist or were admitted, so that most appends need no read
// of the store. It has hashes: a topic whose hash is equal to that of a known topic is
// admitted. That does no harm, and senders can't cause it, because the seed is random.
type known struct {
	seed  maphash.Seed
	limit int

	mu     sync.RWMutex
	topics map[uint64]struct{}
}

func newKnown(limit int64) known {
	return known{seed: maphash.MakeSeed(), limit: int(min(limit, maxKnown)), topics: map[uint64]struct{}{}}
}

// hasAll reports whether the topics of all events are known.
func (k *known) hasAll(events []event.Event) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	last := ""
	for i := range events {
		if topic := events[i].Topic; topic != last {
			if _, found := k.topics[maphash.String(k.seed, topic)]; !found {
				return false
			}
			last = topic
		}
	}
	return true
}

// unknown returns the topics of events that are not known, each once.
func (k *known) unknown(events []event.Event) []string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var topics []string
	seen := map[string]bool{}
	for i := range events {
		topic := events[i].Topic
		if seen[topic] {
			continue
		}
		seen[topic] = true
		if _, found := k.topics[maphash.String(k.seed, topic)]; !found {
			topics = append(topics, topic)
		}
	}
	return topics
}

// add remembers a topic. If there are too many, some others are forgotten.
func (k *known) add(topic string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.topics) >= k.limit {
		const part = 8
		forget := len(k.topics)/part + 1
		for hash := range k.topics { // in random order
			delete(k.topics, hash)
			if forget == 0 {
				break
			}
			forget--
		}
	}
	k.topics[maphash.String(k.seed, topic)] = struct{}{}
}
