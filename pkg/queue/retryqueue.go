package queue

import (
	"errors"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// Bounds of the retry queue. A message that exceeds them takes the place of the
// one that failed most often.
const (
	maxParkedMessages = 1000
	maxParkedEvents   = 50_000
)

// The pause before a retry starts with minRetryPause and doubles with each counted
// try up to maxRetryPause.
const (
	minRetryPause = 5 * time.Second
	maxRetryPause = time.Minute
)

// evidenceWindow limits which failures count against a message: other events must
// have been stored this long before it and after it, at most. Otherwise it may have
// been the store that failed.
const evidenceWindow = time.Minute

// manyFailures is how many messages in a row must fail alone before the worker
// takes the store for unavailable, logs it, and pauses.
const manyFailures = 3

// retryQueue holds the messages that failed alone until they are tried again.
type retryQueue struct {
	parked []*parked // the one that is due first is first
	events int

	stored   time.Time // when the store last stored something
	failures int       // failures since then
	err      error     // the last of them
}

// parked is a message that failed alone.
type parked struct {
	Message
	err     error     // the last failure
	began   time.Time // when it first failed
	failed  time.Time // when it last failed
	due     time.Time // when it is tried again
	tries   int       // failures that count
	pending bool      // the last failure counts if something else is stored soon
}

// concernsStore reports whether an error concerns the store and not the events: it
// stored nothing because it is unavailable, full or closed. Other errors may
// concern the events: a damaged page, a time-out, a lost response, an unknown error.
func concernsStore(err error) bool {
	return errors.Is(err, store.ErrClosed) || store.NothingStored(err) && !errors.Is(err, store.ErrInternal)
}

// exhausted reports whether the message is not tried again. Splitting a message
// loses nothing, so one counted failure is enough for it. If its append may be
// committed later, it is tried as often as a single event.
func (p *parked) exhausted(now time.Time, o WorkerOptions) bool {
	if len(p.Events) > 1 {
		return p.tries >= o.GiveUpTries || p.tries > 0 && store.NothingStored(p.err)
	}
	return p.tries >= o.GiveUpTries && now.Sub(p.began) >= o.GiveUpAge
}

// full reports whether there is no room for a message.
func (q *retryQueue) full(m Message) bool {
	return len(q.parked) >= maxParkedMessages || len(q.parked) > 0 && q.events+len(m.Events) > maxParkedEvents
}

// park adds a message that failed alone.
func (q *retryQueue) park(m Message, now time.Time, err error) {
	p := &parked{Message: m, began: now}
	q.parked = append(q.parked, p)
	q.events += len(m.Events)
	q.recordFailure(p, now, err)
}

// remove removes a message that is finished.
func (q *retryQueue) remove(p *parked) {
	q.events -= len(p.Events)
	q.parked = slices.DeleteFunc(q.parked, func(other *parked) bool { return other == p })
}

// recordFailure notes that a parked message failed alone.
func (q *retryQueue) recordFailure(p *parked, now time.Time, err error) {
	p.err, p.failed = err, now
	p.due = now.Add(min(minRetryPause<<min(p.tries, 10), maxRetryPause))
	p.pending = !concernsStore(err) && now.Sub(q.stored) <= evidenceWindow
	q.failures, q.err = q.failures+1, err
	q.sort()
}

// recordOutage notes that the store failed for a reason of its own. No message
// failed because of its events.
func (q *retryQueue) recordOutage(err error) {
	q.failures, q.err = manyFailures, err
	q.forgive()
}

// reset forgets failures that do not count yet: the store is known to be
// unavailable, so they say nothing about the messages.
func (q *retryQueue) reset() {
	q.failures, q.err = 0, nil
	q.forgive()
}

func (q *retryQueue) forgive() {
	for _, p := range q.parked {
		p.pending = false
	}
}

// recordSuccess notes that the store stored something. It returns the messages
// whose first failure counts now.
func (q *retryQueue) recordSuccess(now time.Time) (failing []*parked) {
	for _, p := range q.parked {
		if p.pending && now.Sub(p.failed) <= evidenceWindow {
			p.tries++
			if p.tries == 1 {
				failing = append(failing, p)
			}
		}
		p.pending = false
	}
	q.stored, q.failures, q.err = now, 0, nil
	return failing
}

// storeFailing returns the last error if the store fails at everything.
func (q *retryQueue) storeFailing() error {
	if q.failures < manyFailures {
		return nil
	}
	return &storeError{q.err}
}

// due returns the first message whose pause is over, or nil.
func (q *retryQueue) due(now time.Time) *parked {
	if len(q.parked) == 0 || q.parked[0].due.After(now) {
		return nil
	}
	return q.parked[0]
}

// worst returns the message with the most counted failures, or nil. Messages whose
// append may be committed later are left out.
func (q *retryQueue) worst() *parked {
	var worst *parked
	for _, p := range q.parked {
		if p.tries > 0 && store.NothingStored(p.err) && (worst == nil || p.tries > worst.tries) {
			worst = p
		}
	}
	return worst
}

// wait limits a wait to the time until the next message is due.
func (q *retryQueue) wait(now time.Time, limit time.Duration) time.Duration {
	if len(q.parked) == 0 {
		return limit
	}
	return min(limit, max(0, q.parked[0].due.Sub(now)))
}

func (q *retryQueue) sort() {
	slices.SortStableFunc(q.parked, func(a, b *parked) int { return a.due.Compare(b.due) })
}
