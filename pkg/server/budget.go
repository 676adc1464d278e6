package server

import (
	"fmt"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// budget bounds the memory that the bodies of all requests take together, from
// when they are read until they are answered. Many clients that send much at
// once are told to come back, and memory stays flat.
type budget struct {
	now   func() time.Time
	limit int64

	mu       sync.Mutex
	used     int64
	returned float64   // bytes, of late
	since    time.Time // when "of late" begins
}

// Bounds of the wait that a client is told.
const (
	minRetry = time.Second
	maxRetry = 20 * time.Second // by then whoever announced a body has sent it or was cut off
	// lateness is how far back returned looks: bytes older than this weigh
	// less than half.
	lateness = 5 * time.Second
)

// reserve takes n bytes for a request that has own bytes already, or says how
// long what is there will take to drain. A request that is alone may have as
// much as it needs.
func (b *budget) reserve(n, own int64) error {
	return b.take(n, own, b.limit)
}

// promise is reserve for bytes that have not come yet. A quarter of the budget
// is not for promises: a few clients that announce much and send nothing must
// not keep everybody out.
func (b *budget) promise(n int64) error {
	return b.take(n, 0, b.limit-b.limit/4)
}

func (b *budget) take(n, own, limit int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used > own && b.used+n > limit {
		return &store.RetryError{
			Err:   fmt.Errorf("buffer a body: %d bytes are in use: %w", b.used, store.ErrOverloaded),
			After: b.drainTime(),
		}
	}
	b.used += n
	return nil
}

// release gives n bytes back.
func (b *budget) release(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	now := b.now()
	if age := now.Sub(b.since); age > 2*lateness {
		b.since, b.returned = now.Add(-lateness), b.returned/2
		if age > 4*lateness { // idle since
			b.returned = 0
		}
	}
	b.returned += float64(n)
}

// drainTime is how long the bytes in use will take at the rate of late.
func (b *budget) drainTime() time.Duration {
	seconds := b.now().Sub(b.since).Seconds()
	if b.returned <= 0 || seconds <= 0 {
		return minRetry
	}
	wait := time.Duration(float64(b.used) / (b.returned / seconds) * float64(time.Second))
	return min(max(wait, minRetry), maxRetry)
}
