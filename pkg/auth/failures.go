package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxFailures is the number of invalid keys that an address may send in failureWindow.
	maxFailures   = 20
	failureWindow = time.Minute
	// maxFailing is the maximum number of addresses that are remembered.
	maxFailing = 10_000
)

// Failures counts requests with an invalid key by address, so that guessing keys is slow.
// Valid keys of such an address are still accepted, because other clients may share it.
// Make one with [NewFailures]; its methods can be called concurrently.
type Failures struct {
	now func() time.Time

	mu        sync.Mutex
	addresses map[netip.Prefix]*rate.Limiter
}

// NewFailures returns an empty Failures. now is the clock.
func NewFailures(now func() time.Time) *Failures {
	return &Failures{now: now, addresses: map[netip.Prefix]*rate.Limiter{}}
}

// Add counts a failure. If the address had more than 20 in a minute, it returns how long
// the address must wait, otherwise 0.
func (f *Failures) Add(address netip.Prefix) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	tokens := f.addresses[address]
	if tokens == nil {
		f.forget(now)
		tokens = rate.NewLimiter(rate.Every(failureWindow/maxFailures), maxFailures)
		f.addresses[address] = tokens
	}
	if tokens.AllowN(now, 1) {
		return 0
	}
	return failureWindow / maxFailures
}

// forget removes addresses if there are too many: all that have no recent failure, or one
// of the others if there is none. The caller holds mu.
func (f *Failures) forget(now time.Time) {
	if len(f.addresses) < maxFailing {
		return
	}
	for address, tokens := range f.addresses {
		if tokens.TokensAt(now) >= maxFailures {
			delete(f.addresses, address)
		}
	}
	for address := range f.addresses {
		if len(f.addresses) < maxFailing {
			return
		}
		delete(f.addresses, address)
	}
}
