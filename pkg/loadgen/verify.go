package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// Originals provides what a run has sent. [Generator] generates it again, [File]
// remembers it.
type Originals interface {
	// Key returns the key with that index.
	Key(index int64) event.Key
	// Matches reports whether the content of a stored event equals that version
	// of what was sent with the key, or any version if it is negative.
	Matches(index int64, version int, stored event.Event) bool
}

// Reader returns a stored event or [store.ErrNotFound], see [store.EventReader].
type Reader interface {
	Event(ctx context.Context, key event.Key) (store.Record, error)
}

// VerifyOptions configure Verify.
type VerifyOptions struct {
	// Newest is the [store.Record].CreatedAt of the newest event before the run.
	// The zero Time means that no event of the run was stored before, because
	// the store was empty or the keys are new. Verify compares the clock of the
	// store only with itself.
	Newest time.Time
	// Concurrency is the maximum number of reads in flight. 0 means
	// DefaultConcurrency.
	Concurrency int
	// RetryFor is how long a read is retried while the store is unavailable. 0
	// means DefaultRetryFor, a negative value no retries.
	RetryFor time.Duration
	// AwaitQueued is set if some queued events may not be stored yet. Verify then reads
	// each of them again until it is stored, or until none has become stored for RetryFor.
	AwaitQueued bool
	// Now and Jitter are as in [Options].
	Now    func() time.Time
	Jitter func() float64
}

// Verify checks the outcomes of a finished run against the store. It reads each
// key with an outcome back and checks that
//   - no key returned success twice,
//   - each key is stored,
//   - its content is what was sent,
//   - a key that never returned success was stored before the run, through a queue,
//     or by an append whose response was lost.
//
// Queued events must be stored by now, unless VerifyOptions.AwaitQueued is set. For a run without outcomes the proof does
// not hold. An error means that Verify could not finish.
func Verify(ctx context.Context, run Counts, l *Ledger, sent Originals, stored Reader, o VerifyOptions) (Proof, error) {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.RetryFor == 0 {
		o.RetryFor = DefaultRetryFor
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	v := &verifier{VerifyOptions: o, ledger: l, sent: sent, stored: stored}
	v.advanced.Store(o.Now().UnixNano())
	parts := make([]Proof, o.Concurrency)
	group, ctx := errgroup.WithContext(ctx)
	for i := range parts {
		group.Go(func() error { return v.work(ctx, &parts[i]) })
	}
	if err := group.Wait(); err != nil {
		return Proof{}, fmt.Errorf("read stored events: %w", err)
	}
	proof := Proof{Stored: run.Stored, Duplicate: run.Duplicate, Queued: run.Queued}
	for _, part := range parts {
		proof.add(part)
	}
	slices.SortStableFunc(proof.Offenders, func(a, b Offender) int { return cmp.Compare(a.index, b.index) })
	proof.Offenders = proof.Offenders[:min(len(proof.Offenders), MaxOffenders)]
	proof.Holds = !proof.Empty() && proof.Violations == 0 &&
		proof.Stored == proof.Keys-proof.StoredBefore-proof.LostResponses-proof.StoredQueued
	return proof, nil
}

type verifier struct {
	VerifyOptions
	ledger *Ledger
	sent   Originals
	stored Reader
	next   atomic.Int64
	// advanced is when the last queued event became stored that had not been before, in
	// nanoseconds; at first the start.
	advanced atomic.Int64
}

func (v *verifier) work(ctx context.Context, part *Proof) error {
	for size := v.ledger.size(); ; {
		index := v.next.Add(1) - 1
		if index >= size {
			return nil
		}
		flags := v.ledger.flags(index)
		if flags&anyOutcome == 0 {
			continue
		}
		key := v.sent.Key(index)
		record, err := v.read(ctx, key)
		if v.AwaitQueued && flags&wasQueued != 0 && errors.Is(err, store.ErrNotFound) {
			record, err = v.await(ctx, key)
		}
		missing := errors.Is(err, store.ErrNotFound)
		if err != nil && !missing {
			return err
		}
		part.Keys++
		for _, problem := range v.check(part, index, flags, record, missing) {
			part.offend(Offender{Topic: key.Topic, EventID: key.ID, Problem: problem, index: index})
		}
	}
}

// check compares the outcomes of a key with the stored record. It returns the
// violations.
func (v *verifier) check(part *Proof, index int64, flags uint32, record store.Record, missing bool) []string {
	var problems []string
	if flags&wasStoredTwice != 0 {
		problems = append(problems, ProblemTwice)
	}
	if missing {
		return append(problems, ProblemMissing)
	}
	if flags&wasStored != 0 {
		if !v.sent.Matches(index, v.ledger.winner(index), record.Event) {
			problems = append(problems, ProblemContent)
		}
		if record.CreatedAt.Before(v.Newest) {
			problems = append(problems, ProblemBefore)
		}
		return problems
	}
	matches := v.sent.Matches(index, -1, record.Event)
	switch {
	case !record.CreatedAt.After(v.Newest): // stored before the run
		part.StoredBefore++
		if !matches {
			part.OtherContent++
		}
		return problems
	case flags&wasQueued != 0:
		part.StoredQueued++
	case flags&wasUnknown != 0:
		part.LostResponses++
	default:
		problems = append(problems, ProblemNoSuccess)
	}
	if !matches {
		problems = append(problems, ProblemContent)
	}
	return problems
}

// read retries while the store is unavailable.
func (v *verifier) read(ctx context.Context, key event.Key) (store.Record, error) {
	var since time.Time
	backoff := newBackoff(v.Jitter)
	for attempt := 0; ; attempt++ {
		record, err := v.stored.Event(ctx, key)
		if err == nil || !store.Temporary(err) || v.RetryFor < 0 {
			return record, err
		}
		now := v.Now()
		if attempt == 0 {
			since = now
		}
		wait := waitAfter(err, &backoff)
		if now.Add(wait).Sub(since) > v.RetryFor || retry.Sleep(ctx, wait) != nil {
			return record, err
		}
	}
}

// await reads a queued event again until it is stored. It gives up if no queued event has
// become stored for RetryFor.
func (v *verifier) await(ctx context.Context, key event.Key) (store.Record, error) {
	const interval = 200 * time.Millisecond
	for {
		if err := retry.Sleep(ctx, interval); err != nil {
			return store.Record{}, err
		}
		record, err := v.read(ctx, key)
		switch {
		case err == nil:
			v.advanced.Store(v.Now().UnixNano())
			return record, nil
		case !errors.Is(err, store.ErrNotFound) || v.Now().Sub(time.Unix(0, v.advanced.Load())) > v.RetryFor:
			return record, err
		}
	}
}
