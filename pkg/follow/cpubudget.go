package follow

import (
	"sync"
	"sync/atomic"
	"time"
)

// Followers get 1/budgetFraction of one CPU core while the process stores
// events. Clients on the same machine use as much again, and the reader of the
// tail uses what it needs.
const budgetFraction = 16

// maxBurst is how much of the budget may be used at once after a pause.
const maxBurst = time.Second

// storingFor is how long after a commit the process counts as storing events.
const storingFor = time.Second

// The estimated CPU time of a follower's work, measured over loopback on a busy
// machine with 2 cores.
const (
	costOfWrite    = 25 * time.Microsecond
	costOfKilobyte = time.Microsecond
	costOfRecord   = 20 * time.Microsecond // in a page of a follower's own: query, row and text, including the database's work
)

// costOf returns the cost of writing a chunk.
func costOf(chunk []byte) time.Duration {
	const kilobyte = 1000
	return costOfWrite + costOfKilobyte*time.Duration(len(chunk)/kilobyte)
}

// cpuBudget limits the CPU time of all followers while the process stores
// events. It schedules their work one after another: each reservation gets the
// time at which all work reserved so far is covered. golang.org/x/time/rate
// can't release a reservation after later ones were made.
type cpuBudget struct {
	began      time.Time
	lastCommit atomic.Int64 // nanoseconds after began; 0 means none yet

	mu           sync.Mutex
	coveredUntil time.Time
}

// recordCommit notes that the process committed events now.
func (b *cpuBudget) recordCommit() { b.lastCommit.Store(int64(time.Since(b.began))) }

// storing reports whether the process committed events recently. Otherwise the
// budget is unlimited.
func (b *cpuBudget) storing() bool {
	last := b.lastCommit.Load()
	return last != 0 && time.Since(b.began)-time.Duration(last) <= storingFor
}

// reservation is the part of the budget that one follower has reserved and not
// yet used.
type reservation struct {
	budget *cpuBudget
	time   time.Duration // how long the reserved work occupies the schedule
	due    time.Time     // when the work may be done
}

// reserve reserves budget for work, if the process stores events.
func (r *reservation) reserve(work time.Duration) {
	b := r.budget
	if !b.storing() {
		return
	}
	occupied := min(work*budgetFraction, maxBurst)
	b.mu.Lock()
	defer b.mu.Unlock()
	if earliest := time.Now().Add(-maxBurst); b.coveredUntil.Before(earliest) {
		b.coveredUntil = earliest
	}
	b.coveredUntil = b.coveredUntil.Add(occupied)
	r.due = b.coveredUntil
	r.time += occupied
}

// wait returns how long to wait before the reserved work may be done; 0 means
// now. The wait ends early when the process stops storing events, so it must be
// called again after at most storingFor.
func (r *reservation) wait() time.Duration {
	if r.time == 0 {
		return 0
	}
	if wait := time.Until(r.due); wait > 0 && r.budget.storing() {
		return min(wait, storingFor)
	}
	r.release()
	return 0
}

// release ends the reservation. It returns to the budget what is not due yet.
func (r *reservation) release() {
	if r.time > 0 && time.Until(r.due) > 0 {
		r.budget.mu.Lock()
		r.budget.coveredUntil = r.budget.coveredUntil.Add(-r.time)
		r.budget.mu.Unlock()
	}
	r.time = 0
}
