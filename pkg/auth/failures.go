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
	addresses recent[netip.Prefix, *rate.Limiter]
	shared    *rate.Limiter // of all new addresses while the map is full
}

// NewFailures returns an empty Failures. now is the clock.
func NewFailures(now func() time.Time) *Failures {
	unused := func(tokens *rate.Limiter, now time.Time) bool { return tokens.TokensAt(now) >= maxFailures }
	return &Failures{now: now, addresses: newRecent[netip.Prefix](maxFailing, unused), shared: newTries()}
}

// newTries returns the tokens of an address, one for each failure.
func newTries() *rate.Limiter {
	return rate.NewLimiter(rate.Every(failureWindow/maxFailures), maxFailures)
}

// Add counts a failure. If the address had more than 20 in a minute, it returns how long
// the address must wait, otherwise 0.
func (f *Failures) Add(address netip.Prefix) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	tokens, known := f.addresses.find(address)
	switch {
	case known:
	case f.addresses.makeRoom(now):
		tokens = newTries()
		f.addresses.add(address, tokens)
	default:
		tokens = f.shared
	}
	if tokens.AllowN(now, 1) {
		return 0
	}
	return failureWindow / maxFailures
}
