package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a clock that only moves when a test says so.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{at: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

func address(n int, limits Limits) *Identity {
	return NewAddress(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), limits)
}

func TestLimiter_Take(t *testing.T) {
	t.Parallel()
	limits := Limits{Events: 10, Bytes: 1000}
	for name, steps := range map[string][]struct {
		pass  time.Duration
		usage Usage
		wait  time.Duration // of the error, 0 for none
	}{
		"a second's events pass at once": {
			{usage: Usage{Events: 10}},
			{usage: Usage{Events: 1}, wait: 100 * time.Millisecond},
			{pass: 100 * time.Millisecond, usage: Usage{Events: 1}},
		},
		"bytes count, too": {
			{usage: Usage{Events: 1, Bytes: 900}},
			{usage: Usage{Events: 1, Bytes: 200}, wait: 100 * time.Millisecond},
			{pass: 100 * time.Millisecond, usage: Usage{Events: 1, Bytes: 200}},
		},
		"the longer wait counts": {
			{usage: Usage{Events: 10, Bytes: 500}},
			{usage: Usage{Events: 1, Bytes: 1000}, wait: 500 * time.Millisecond},
		},
		"what is refused takes nothing": {
			{usage: Usage{Events: 9}},
			{usage: Usage{Events: 5}, wait: 400 * time.Millisecond},
			{usage: Usage{Events: 1}},
		},
		"a large request needs a full bucket and is paid for afterwards": {
			{usage: Usage{Events: 30}},
			{usage: Usage{Events: 1}, wait: 2100 * time.Millisecond},
			{pass: 2100 * time.Millisecond, usage: Usage{Events: 1}},
			{usage: Usage{Events: 30}, wait: time.Second},
			{pass: time.Second, usage: Usage{Events: 30}},
		},
		"tokens are not saved for longer than a second": {
			{pass: time.Hour, usage: Usage{Events: 10}},
			{usage: Usage{Events: 1}, wait: 100 * time.Millisecond},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			limiter := NewLimiter(clock.now)
			for i, step := range steps {
				clock.at = clock.at.Add(step.pass)
				err := limiter.Take(address(1, limits), step.usage)
				var quota *QuotaError
				if errors.As(err, &quota) != (step.wait > 0) {
					t.Fatalf("step %d: %v", i, err)
				}
				if step.wait > 0 && (quota.RetryAfter-step.wait).Abs() > time.Microsecond {
					t.Errorf("step %d: wait %s, want %s", i, quota.RetryAfter, step.wait)
				}
			}
		})
	}
}

// TestLimiter_RetryAfterIsTrue: a client that waits for Retry-After succeeds, and the rate is
// never more than the limit.
func TestLimiter_RetryAfterIsTrue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		clock := newClock()
		limiter := NewLimiter(clock.now)
		id := address(1, Limits{Events: rapid.Int64Range(1, 100_000).Draw(rt, "events"), Bytes: rapid.Int64Range(1, 1<<40).Draw(rt, "bytes")})
		begin, taken, largest := clock.at, int64(0), int64(0)
		for range 50 {
			usage := Usage{Events: rapid.Int64Range(0, 20_000).Draw(rt, "n"), Bytes: rapid.Int64Range(0, 1<<24).Draw(rt, "size")}
			err := limiter.Take(id, usage)
			if quota := (*QuotaError)(nil); errors.As(err, &quota) {
				clock.at = clock.at.Add(quota.RetryAfter)
				err = limiter.Take(id, usage)
			}
			if err != nil {
				rt.Fatalf("after the wait: %v", err)
			}
			taken, largest = taken+usage.Events, max(largest, usage.Events)
			allowed := float64(id.Limits.Events) * (clock.at.Sub(begin).Seconds() + 1)
			if float64(taken-largest) > allowed+1 {
				rt.Fatalf("%d events passed in %s at a limit of %d a second", taken, clock.at.Sub(begin), id.Limits.Events)
			}
		}
	})
}

// TestLimiter_BucketsAreNotRefilledByForgetting: a client that emptied its bucket stays
// limited, however many other addresses send, and the memory stays bounded.
func TestLimiter_BucketsAreNotRefilledByForgetting(t *testing.T) {
	t.Parallel()
	clock := newClock()
	limiter := NewLimiter(clock.now)
	limiter.clients.max = 100
	limits := Limits{Events: 10}
	if err := limiter.Take(address(0, limits), Usage{Events: 1000}); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for n := range 10_000 {
		if limiter.Take(address(n+1, limits), Usage{Events: 10}) == nil {
			passed++
		}
		if limiter.Take(address(0, limits), Usage{Events: 1}) == nil {
			t.Fatalf("the client has tokens again after %d other clients", n)
		}
	}
	if len(limiter.clients.entries) > 100 || limiter.clients.order.Len() > 100 {
		t.Errorf("%d clients are remembered", len(limiter.clients.entries))
	}
	if passed > 101 {
		t.Errorf("%d clients emptied a bucket at one moment, want 99 and the shared one", passed)
	}
	clock.at = clock.at.Add(time.Second) // all buckets but the first are full again
	for n := range 1000 {
		if err := limiter.Take(address(20_000+n, limits), Usage{Events: 1}); err != nil {
			t.Fatalf("a new client after a second: %v", err)
		}
		clock.at = clock.at.Add(50 * time.Millisecond)
	}
}

// TestLimiter_KeysAlwaysHaveTheirOwnBuckets: addresses can't push keys out.
func TestLimiter_KeysAlwaysHaveTheirOwnBuckets(t *testing.T) {
	t.Parallel()
	limiter := NewLimiter(newClock().now)
	limiter.clients.max = 2
	for n := range 10 {
		_ = limiter.Take(address(n, Limits{Events: 1}), Usage{Events: 1})
	}
	for n := range 5 {
		key := newKeyed(Entry{ID: fmt.Sprint(n), Limits: Limits{Events: 1}}, "")
		if err := limiter.Take(key, Usage{Events: 1}); err != nil {
			t.Errorf("key %d: %v", n, err)
		}
		if err := limiter.Take(key, Usage{Events: 1}); err == nil {
			t.Errorf("key %d has no limit", n)
		}
	}
}

func TestLimiter_ChargeSlowsAStreamDown(t *testing.T) {
	t.Parallel()
	clock := newClock()
	limiter := NewLimiter(clock.now)
	id := address(1, Limits{Events: 100})
	for range 1000 {
		clock.at = clock.at.Add(limiter.Charge(id, Usage{Events: 1, Bytes: 50}))
	}
	if took := clock.at.Sub(newClock().at); took < 8900*time.Millisecond || took > 9100*time.Millisecond {
		t.Errorf("1,000 events at 100 a second took %s, want 9 s after a second's burst", took)
	}
}

func TestLimiter_NewLimitsCountAtOnce(t *testing.T) {
	t.Parallel()
	clock := newClock()
	limiter := NewLimiter(clock.now)
	for i, step := range []struct {
		limits Limits
		events int64
		passes bool
	}{
		{Limits{Events: 10}, 10, true},
		{Limits{Events: 10}, 1, false},
		{Limits{}, 1_000_000, true},
		{Limits{Events: 1000}, 1, false}, // the bucket stays empty
		{Limits{Bytes: 10}, 1_000_000, true},
		{Limits{Events: 1000}, 1000, true}, // a limit that was not there begins with a full bucket
	} {
		if err := limiter.Take(address(1, step.limits), Usage{Events: step.events}); (err == nil) != step.passes {
			t.Errorf("step %d: %v", i, err)
		}
	}
}

func BenchmarkLimiter_Take(b *testing.B) {
	limiter := NewLimiter(time.Now)
	ids := make([]*Identity, 1000)
	for n := range ids {
		ids[n] = address(n, Limits{Events: 1 << 30, Bytes: 1 << 30})
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := limiter.Take(ids[n%len(ids)], Usage{Events: 1, Bytes: 100}); err != nil {
			b.Fatal(fmt.Errorf("take: %w", err))
		}
	}
}
