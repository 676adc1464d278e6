package memory

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/fair"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// SmallShare is the maximum memory of a small request. Only small requests can take the
// last quarter of the budget, so a few large ones never block the many small ones.
const SmallShare = 512 << 10

// FreeBytes is the size up to which callers do not charge a body or a response to the
// budget: a connection needs as much anyway.
const FreeBytes = 4 << 10

// Budget limits the memory of all requests of one kind together, for example of their
// bodies. When clients need more, some of them get 503. No client can take all of it; see
// [fair.Shares].
// Make one with [NewBudget].
type Budget struct {
	now   func() time.Time
	limit int64
	full  error

	mu       sync.Mutex
	shares   *fair.Shares
	released int64 // since the start
	drain    retry.DrainRate
}

// NewBudget returns a budget of limit bytes. full is the error of a budget that is
// used up; it should match [store.ErrOverloaded].
func NewBudget(limit int64, full error, now func() time.Time) *Budget {
	// After 20 seconds a client has sent or read its part, or was cut off.
	return &Budget{limit: limit, full: full, now: now, shares: fair.NewShares(limit), drain: retry.DrainRate{Min: time.Second, Max: 20 * time.Second}}
}

// Reserve takes n bytes for a request of a client that has own bytes already. The error
// is a [*store.RetryError] with the time until enough bytes were probably released. A
// request that is alone may have as much as it needs.
func (b *Budget) Reserve(client string, n, own int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.check(client, n, own); err != nil {
		return err
	}
	if b.shares.Used() == 0 {
		b.drain.Resume(b.now()) // idle time must not count as a slow drain
	}
	b.shares.Take(client, n)
	return nil
}

// Admit returns the error of Reserve for n bytes that are only declared so far. It
// takes nothing: declared bytes cost no memory before they arrive.
func (b *Budget) Admit(client string, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.check(client, n, 0)
}

// check is Reserve without taking the bytes. The caller holds mu.
func (b *Budget) check(client string, n, own int64) error {
	limit := b.limit
	if own+n > SmallShare {
		limit -= b.limit / 4
	}
	used := b.shares.Used()
	if used <= own || b.shares.FitsWithin(client, n, limit) {
		return nil
	}
	// Clients that were refused together must not return together.
	wait := b.drain.Wait(used)
	return &store.RetryError{
		Err:   fmt.Errorf("%w: %d bytes are in use, %d of them by %s", b.full, used, b.shares.Held(client), client),
		After: wait + time.Duration(rand.Float64()*float64(wait)), //nolint:gosec // no secret: any spread will do
	}
}

// Release gives n bytes of a client back.
func (b *Budget) Release(client string, n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares.Take(client, -n)
	b.released += n
	b.drain.ObserveTotal(b.now(), b.released)
}

// Used returns the bytes that are taken at the moment.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shares.Used()
}
