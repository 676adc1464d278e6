package publish

import (
	"fmt"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// freeBytes is the size up to which a body is not charged to the budget. Most
// single events are that small, and a connection needs as much anyway.
const freeBytes = 4 << 10

// maxUnreservedBody is the declared length up to which a body may use all of the
// budget; see [budget.reserveDeclared].
const maxUnreservedBody = 256 << 10

// budget bounds the memory that the bodies of all requests take together, from
// reading until the response. When many clients send much at once, some get 503
// and memory stays flat.
type budget struct {
	now   func() time.Time
	limit int64

	mu       sync.Mutex
	used     int64
	released int64 // since the start
	drain    retry.DrainRate
}

func newBudget(limit int64, now func() time.Time) *budget {
	// After 20 seconds a client has sent the body that it declared, or was cut off.
	return &budget{limit: limit, now: now, drain: retry.DrainRate{Min: time.Second, Max: 20 * time.Second}}
}

// reserve takes n bytes for a request that has own bytes already. Otherwise the
// error says how long the bytes in use need to drain. A request that is alone may
// have as much as it needs.
func (b *budget) reserve(n, own int64) error {
	return b.take(n, own, b.limit)
}

// reserveDeclared takes n bytes that have not arrived yet. A quarter of the
// budget is not available for them: otherwise a few clients that declare much and
// send nothing would block all others.
func (b *budget) reserveDeclared(n int64) error {
	return b.take(n, 0, b.limit-b.limit/4)
}

func (b *budget) take(n, own, limit int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used > own && b.used+n > limit {
		return &store.RetryError{
			Err:   fmt.Errorf("buffer a body: %d bytes are in use: %w", b.used, store.ErrOverloaded),
			After: b.drain.Wait(b.used),
		}
	}
	if b.used == 0 {
		b.drain.Resume(b.now()) // idle time is no slow drain
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
	b.released += n
	b.drain.ObserveTotal(b.now(), b.released)
}

// BufferedBytes returns the memory that is charged for bodies at the moment.
func (h *Handler) BufferedBytes() int64 {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	return h.budget.used
}

// charge puts n more bytes on the budget, until the response is sent.
func (p *request) charge(n int64) error {
	if err := p.handler.budget.reserve(n, p.charged); err != nil {
		return err
	}
	p.charged += n
	return nil
}

// chargeBody charges for a body of size bytes, without what is charged already.
func (p *request) chargeBody(size int64) error {
	if size <= max(p.room, freeBytes) {
		return nil
	}
	if err := p.charge(size - p.room); err != nil {
		return err
	}
	p.room = size
	return nil
}

// chargeDeclared charges for a body that is only declared so far.
func (p *request) chargeDeclared(size int64) error {
	if size <= maxUnreservedBody {
		return p.chargeBody(size)
	}
	if err := p.handler.budget.reserveDeclared(size); err != nil {
		return err
	}
	p.charged += size
	p.room = size
	return nil
}
