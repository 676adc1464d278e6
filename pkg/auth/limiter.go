package auth

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients is the maximum number of addresses that a Limiter remembers: about 4 MB.
const maxClients = 10_000

// Limiter measures the rate of each client with two token buckets: one of events, one
// of bytes. A full bucket has the tokens of one second. It is safe for concurrent use.
//
// The number of clients is limited; see recent. If it is reached, new addresses share one
// pair of buckets. Keys always have their own: the keys file limits their number.
type Limiter struct {
	now func() time.Time

	mu      sync.Mutex
	clients recent[string, *buckets]
	shared  *buckets // of all new addresses while the map is full
}

// NewLimiter returns a limiter without clients. now is the clock.
func NewLimiter(now func() time.Time) *Limiter {
	return &Limiter{now: now, clients: newRecent[string](maxClients, (*buckets).full), shared: &buckets{}}
}

// Usage is what a request sends.
type Usage struct {
	// Events counts all events, also invalid ones: each costs the work to decode it.
	Events int64
	// Bytes is the size after decompression.
	Bytes int64
}

// Check returns a [*QuotaError] if a client has no tokens left. It takes none. The error
// has the time until the buckets are full: the size of the request is not known yet, and
// after that time a request of any size is accepted.
func (l *Limiter) Check(id *Identity) error {
	if id.Limits == (Limits{}) {
		return nil
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.find(id, now)
	if b.missing(now, Usage{Events: 1, Bytes: 1}) == nil {
		return nil
	}
	return b.missing(now, Usage{Events: id.Limits.Events, Bytes: id.Limits.Bytes})
}

// Take takes the tokens for a request, or returns a [*QuotaError] and takes none. A request
// that is larger than a bucket needs a full one, and leaves a negative number of tokens.
// So it is accepted, and the average rate does not exceed the limit.
func (l *Limiter) Take(id *Identity, usage Usage) error {
	if id.Limits == (Limits{}) {
		return nil
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.find(id, now)
	if err := b.missing(now, usage); err != nil {
		return err
	}
	b.events.take(now, usage.Events)
	b.bytes.take(now, usage.Bytes)
	return nil
}

// Charge takes the tokens for what a client has sent already, even if there are too few.
// It returns the time until the buckets are not negative. A stream that waits that long
// after each line does not exceed the rate.
func (l *Limiter) Charge(id *Identity, usage Usage) time.Duration {
	if id.Limits == (Limits{}) {
		return 0
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.find(id, now)
	b.events.take(now, usage.Events)
	b.bytes.take(now, usage.Bytes)
	return max(b.events.wait(now, 0), b.bytes.wait(now, 0))
}

// find returns the buckets of a client. The caller holds mu.
func (l *Limiter) find(id *Identity, now time.Time) *buckets {
	b, known := l.clients.find(id.Client())
	switch {
	case known:
	case l.clients.makeRoom(now) || id.Key != "":
		b = &buckets{}
		l.clients.add(id.Client(), b)
	default:
		b = l.shared
	}
	b.set(now, id.Limits)
	return b
}

// buckets are the token buckets of one client.
type buckets struct {
	limits        Limits
	events, bytes bucket
}

// set changes the limits, if those of the client's key have changed.
func (b *buckets) set(now time.Time, limits Limits) {
	if b.limits == limits {
		return
	}
	b.limits = limits
	b.events.set(now, limits.Events)
	b.bytes.set(now, limits.Bytes)
}

func (b *buckets) full(now time.Time) bool {
	return b.events.wait(now, b.limits.Events) == 0 && b.bytes.wait(now, b.limits.Bytes) == 0
}

// missing returns a [*QuotaError] if a bucket has too few tokens.
func (b *buckets) missing(now time.Time, usage Usage) error {
	events, bytes := b.events.wait(now, usage.Events), b.bytes.wait(now, usage.Bytes)
	if events == 0 && bytes == 0 {
		return nil
	}
	err := &QuotaError{Limits: b.limits, RetryAfter: max(events, bytes)}
	if events > 0 {
		err.Exceeded = append(err.Exceeded, Quota{Name: QuotaEvents, Left: b.events.left(now), Wait: events})
	}
	if bytes > 0 {
		err.Exceeded = append(err.Exceeded, Quota{Name: QuotaBytes, Left: b.bytes.left(now), Wait: bytes})
	}
	return err
}

// bucket is a token bucket with the tokens of one second. The zero value has no limit.
type bucket struct{ tokens *rate.Limiter }

func (b *bucket) set(now time.Time, limit int64) {
	limit = min(limit, math.MaxInt32) // a burst is an int
	switch {
	case limit == 0:
		b.tokens = nil
	case b.tokens == nil:
		b.tokens = rate.NewLimiter(rate.Limit(limit), int(limit))
	default:
		b.tokens.SetLimitAt(now, rate.Limit(limit))
		b.tokens.SetBurstAt(now, int(limit))
	}
}

// take takes n tokens, also if there are fewer.
func (b *bucket) take(now time.Time, n int64) {
	if b.tokens == nil || n == 0 {
		return
	}
	size := b.tokens.Burst()
	if n > int64(size) { // the library refuses more than a full bucket
		b.tokens.SetBurstAt(now, int(min(n, math.MaxInt32)))
		defer b.tokens.SetBurstAt(now, size)
	}
	b.tokens.ReserveN(now, int(min(n, math.MaxInt32)))
}

// wait returns how long it takes until the bucket has n tokens, or is full.
func (b *bucket) wait(now time.Time, n int64) time.Duration {
	if b.tokens == nil {
		return 0
	}
	missing := float64(min(n, int64(b.tokens.Burst()))) - b.tokens.TokensAt(now)
	wait := time.Duration(missing / float64(b.tokens.Limit()) * float64(time.Second))
	if wait < time.Microsecond { // numbers are rounded, and a client that has waited must pass
		return 0
	}
	return wait
}

// left returns the number of tokens.
func (b *bucket) left(now time.Time) int64 { return int64(max(0, b.tokens.TokensAt(now))) }

// Names of quotas, as in the header fields RateLimit and RateLimit-Policy.
const (
	QuotaEvents = "events"
	QuotaBytes  = "bytes"
)

// Quota is a limit that a client has used up.
type Quota struct {
	Name string
	Left int64         // tokens that are left, fewer than the request needs
	Wait time.Duration // until there are enough
}

// QuotaError reports that a client sends faster than its limits.
type QuotaError struct {
	Limits Limits
	// Exceeded has one or two quotas.
	Exceeded []Quota
	// RetryAfter is the time after which the same request succeeds, if the client
	// sends nothing else until then.
	RetryAfter time.Duration
}

// Error names the quotas.
func (e *QuotaError) Error() string {
	names := make([]string, len(e.Exceeded))
	for i, quota := range e.Exceeded {
		names[i] = quota.Name
	}
	return fmt.Sprintf("rate limit of %s exceeded: wait %s", strings.Join(names, " and "), e.RetryAfter)
}
