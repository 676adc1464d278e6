package ingest

import (
	"math"
	"time"
)

// Bounds of what a client is told to wait: below a second there is no header
// for it, and beyond a minute nobody knows.
const (
	minDrainTime = time.Second
	maxDrainTime = time.Minute
)

// meterMemory is the weight that the past keeps at each observation; some
// twenty appends decide.
const meterMemory = 0.95

// meter measures how fast one writer drains: events per second of appending,
// waiting excluded, so that an idle hour does not look like a slow store.
type meter struct {
	events  float64
	seconds float64
}

// observe notes an append that succeeded.
func (m *meter) observe(events int, took time.Duration) {
	m.events = m.events*meterMemory + float64(events)
	m.seconds = m.seconds*meterMemory + took.Seconds()
}

// drainTime is what a client is told to wait while that many writers drain a
// backlog: within bounds.
func (m *meter) drainTime(backlog, writers int) time.Duration {
	return max(m.expected(backlog, writers), minDrainTime)
}

// expected is how long that many writers need for a backlog, maxDrainTime at
// most; nothing while nothing is measured yet.
func (m *meter) expected(backlog, writers int) time.Duration {
	rate := m.events / m.seconds * float64(writers)
	if math.IsNaN(rate) || rate <= 0 {
		return 0
	}
	return time.Duration(min(float64(backlog)/rate, maxDrainTime.Seconds()) * float64(time.Second))
}
