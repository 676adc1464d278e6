package sqlite

import (
	"sync/atomic"
	"time"
)

// testClock is a clock that stands until a test sets it. Maintenance reads it, too.
type testClock struct{ at atomic.Pointer[time.Time] }

func newTestClock(at time.Time) *testClock {
	c := new(testClock)
	c.set(at)
	return c
}

func (c *testClock) set(at time.Time) { c.at.Store(&at) }

func (c *testClock) now() time.Time { return *c.at.Load() }
