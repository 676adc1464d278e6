package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// freeBytes is the size up to which a body is not charged to the budget. Most
// single events are that small, and a connection needs as much anyway.
const freeBytes = 4 << 10

// smallShare is how much a request may have of the budget's last quarter. Requests
// that need more can't take that quarter, so a few large uploads never block the
// many small requests.
const smallShare = 512 << 10

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
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.check(n, own); err != nil {
		return err
	}
	if b.used == 0 {
		b.drain.Resume(b.now()) // idle time is no slow drain
	}
	b.used += n
	return nil
}

// admit returns the error of reserve for a body of n bytes that is only declared so
// far. It takes nothing: declared bytes cost no memory before they arrive.
func (b *budget) admit(n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.check(n, 0)
}

// check is reserve without taking the bytes. The caller holds mu.
func (b *budget) check(n, own int64) error {
	limit := b.limit
	if own+n > smallShare {
		limit -= b.limit / 4
	}
	if b.used <= own || b.used+n <= limit {
		return nil
	}
	// Clients that were refused together must not return together.
	wait := b.drain.Wait(b.used)
	return &store.RetryError{
		Err:   fmt.Errorf("%w: %d bytes are in use", respond.ErrBodyMemory, b.used),
		After: wait + time.Duration(rand.Float64()*float64(wait)), //nolint:gosec // no secret: any spread will do
	}
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

// minBodyWait and maxBodyWait are how long a body that has arrived in part waits for
// memory. The time is random: large bodies that wait for each other must not give up
// together, because the memory of the first to give up is what the others wait for.
const (
	minBodyWait = time.Second
	maxBodyWait = 3 * time.Second
)

// chargeBody charges for a body of size bytes, without what is charged already. If
// a part of the body is here, it waits for other requests to finish.
func (p *request) chargeBody(ctx context.Context, size int64) error {
	if size <= max(p.room, freeBytes) {
		return nil
	}
	charge := func() error { return p.charge(size - p.room) }
	err := charge()
	if p.room > 0 && errors.Is(err, store.ErrOverloaded) {
		wait := minBodyWait + rand.N(maxBodyWait-minBodyWait) //nolint:gosec // no secret: any spread will do
		err = retryWhileOverloaded(ctx, wait, charge)
	}
	if err != nil {
		return err
	}
	p.room = size
	return nil
}
