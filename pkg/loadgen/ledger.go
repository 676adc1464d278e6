package loadgen

import (
	"sync"
	"sync/atomic"

	"github.com/eventagg/eventagg/pkg/event"
)

// What a ledger knows of a key, in five bits of a byte.
const (
	wasStored      uint32 = 1 << iota // answered success
	wasStoredTwice                    // answered success more than once
	wasDuplicate                      // answered ignored
	wasUnknown                        // an append that may have stored it had no answer
	wasQueued                         // answered queued

	keyBits      = 8
	keysPerWord  = 32 / keyBits
	wordsInPage  = 4096
	keysPerPage  = wordsInPage * keysPerWord
	wordMask     = 1<<keyBits - 1
	anyOutcome   = wasStored | wasDuplicate | wasQueued
	firstVersion = 0
)

type page [wordsInPage]atomic.Uint32

// Ledger remembers what was answered for every key of a run: a byte each, so
// that 20 million keys take 20 MB. It is ready to use as it is, by any
// number of workers; they never wait for each other but when it grows.
type Ledger struct {
	pages atomic.Pointer[[]*page]

	mu      sync.Mutex    // for growing and for winners
	winners map[int64]int // the version that was stored, where it isn't the first
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
	case event.Duplicate:
		word, shift := l.word(ref.Index)
		word.Or(wasDuplicate << shift)
	case event.Queued:
		word, shift := l.word(ref.Index)
		word.Or(wasQueued << shift)
	case event.Rejected: // nothing was promised
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

// stored returns the version of the content that was answered success.
func (l *Ledger) winner(index int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.winners[index]
}

// word returns where a key is noted.
func (l *Ledger) word(index int64) (*atomic.Uint32, uint32) {
	number, place := index/keysPerPage, index%keysPerPage
	pages := l.pages.Load()
	if pages == nil || number >= int64(len(*pages)) {
		pages = l.grow(number)
	}
	return &(*pages)[number][place/keysPerWord], uint32(place%keysPerWord) * keyBits
}

// grow adds pages up to a number. The slice is replaced, never changed, since
// others read it without a lock; the pages are shared by old and new.
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

// size is an upper bound of the indexes noted.
func (l *Ledger) size() int64 {
	pages := l.pages.Load()
	if pages == nil {
		return 0
	}
	return int64(len(*pages)) * keysPerPage
}

// flags returns what is known of a key below size.
func (l *Ledger) flags(index int64) uint32 {
	word, shift := l.word(index)
	return word.Load() >> shift & wordMask
}
