package loadgen

import (
	"sync"
	"sync/atomic"

	"github.com/eventagg/eventagg/pkg/event"
)

// The flags of a key.
const (
	wasStored      uint32 = 1 << iota // returned success
	wasStoredTwice                    // returned success more than once
	wasDuplicate                      // returned ignored
	wasUnknown                        // an append without a response may have stored it
	wasQueued                         // returned queued

	keyBits      = 8
	keysPerWord  = 32 / keyBits
	wordsInPage  = 4096
	keysPerPage  = wordsInPage * keysPerWord
	wordMask     = 1<<keyBits - 1
	anyOutcome   = wasStored | wasDuplicate | wasQueued
	firstVersion = 0
)

type page [wordsInPage]atomic.Uint32

// Ledger records the outcomes for each key of a run. It uses one byte per key, so
// 20 million keys take 20 MB. The zero Ledger is ready to use. It may be used
// concurrently, and takes a lock only when it grows.
type Ledger struct {
	pages atomic.Pointer[[]*page]

	mu      sync.Mutex    // guards growing, and winners
	winners map[int64]int // the version that was stored, if not the first
}

func (l *Ledger) record(ref Ref, outcome event.Outcome) {
	switch outcome {
	case event.Stored:
		word, shift := l.word(ref.Index)
		if word.Or(wasStored<<shift)>>shift&wasStored != 0 {
			word.Or(wasStoredTwice << shift)
		}
		if ref.Version != firstVersion {
			l.setWinner(ref)
		}
	case event.Duplicate, event.Conflict, event.ConflictRejected: // the key is stored
		word, shift := l.word(ref.Index)
		word.Or(wasDuplicate << shift)
	case event.Queued:
		word, shift := l.word(ref.Index)
		word.Or(wasQueued << shift)
	case event.Rejected, event.TopicRefused: // it is not stored
	}
}

func (l *Ledger) recordUnknown(ref Ref) {
	word, shift := l.word(ref.Index)
	word.Or(wasUnknown << shift)
}

func (l *Ledger) setWinner(ref Ref) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.winners == nil {
		l.winners = map[int64]int{}
	}
	l.winners[ref.Index] = ref.Version
}

// winner returns the version of the content that returned success.
func (l *Ledger) winner(index int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.winners[index]
}

// word returns the word with the flags of a key, and their shift.
func (l *Ledger) word(index int64) (*atomic.Uint32, uint32) {
	number, offset := index/keysPerPage, index%keysPerPage
	pages := l.pages.Load()
	if pages == nil || number >= int64(len(*pages)) {
		pages = l.grow(number)
	}
	return &(*pages)[number][offset/keysPerWord], uint32(offset%keysPerWord) * keyBits
}

// grow adds pages up to a number. It replaces the slice, because others read it
// without a lock. Both slices share the pages.
func (l *Ledger) grow(number int64) *[]*page {
	l.mu.Lock()
	defer l.mu.Unlock()
	var pages []*page
	if old := l.pages.Load(); old != nil {
		pages = append(pages, *old...)
	}
	for int64(len(pages)) <= number {
		pages = append(pages, new(page))
	}
	l.pages.Store(&pages)
	return &pages
}

// size returns an upper bound of the recorded indexes.
func (l *Ledger) size() int64 {
	pages := l.pages.Load()
	if pages == nil {
		return 0
	}
	return int64(len(*pages)) * keysPerPage
}

// flags returns the flags of a key below size.
func (l *Ledger) flags(index int64) uint32 {
	word, shift := l.word(index)
	return word.Load() >> shift & wordMask
}
