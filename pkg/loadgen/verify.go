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

// Originals knows what was sent in a run: [Generator] by making it again,
// [File] by remembering.
type Originals interface {
	// Key is the key with that index.
	Key(index int64) event.Key
	// Matches reports whether a stored event says the same as that version of
	// what was sent under the key, or as any version where it is negative.
	Matches(index int64, version int, stored event.Event) bool
}

// Reader asks for a stored event, as [store.EventReader] does: the event, or
// [store.ErrNotFound].
type Reader interface {
	Event(ctx context.Context, key event.Key) (store.Record, error)
}

// VerifyOptions say how answers are proved.
type VerifyOptions struct {
	// Newest is when the newest event was stored that was there before the
	// run, by the store's own clock ([store.Record].CreatedAt); the zero Time
	// says that no event of the run can have been there, since the store was
	// empty or the run's keys are new. The store's clock is compared with
	// nothing but itself.
	Newest time.Time
	// Concurrency is how many events are asked for at once; 0 is
	// DefaultConcurrency.
	Concurrency int
	// RetryFor is how long a question is asked again while the store is
	// unavailable; 0 is DefaultRetryFor, below 0 never.
	RetryFor time.Duration
	// Now and Jitter are as in [Options].
	Now    func() time.Time
	Jitter func() float64
}

// Verify proves the answers of a finished run. It asks for every key that was
// answered, and holds four things against the store: no key was answered
// success twice, every key is stored, with the content that was sent, and a key
// that was never answered success was stored before the run, from a queue, or by
// an append whose answer got lost. What is queued must have been stored by now.
// A run without an answer proves nothing, so nothing holds of it. An error says
// that there is no proof either way.
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
	parts := make([]Proof, o.Concurrency)
	group, ctx := errgroup.WithContext(ctx)
	for i := range parts {
		group.Go(func() error { return v.work(ctx, &parts[i]) })
	}
	if err := group.Wait(); err != nil {
		return Proof{}, fmt.Errorf("ask for stored events: %w", err)
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
		record, err := v.ask(ctx, key)
		missing := errors.Is(err, store.ErrNotFound)
		if err != nil && !missing {
			return err
		}
		part.Keys++
		for _, problem := range v.judge(part, index, flags, record, missing) {
			part.offend(Offender{Topic: key.Topic, EventID: key.ID, Problem: problem, index: index})
		}
	}
}

// judge holds what was answered for one key against what is stored.
func (v *verifier) judge(part *Proof, index int64, flags uint32, record store.Record, missing bool) []string {
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
	case !record.CreatedAt.After(v.Newest): // whatever was sent then is there
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

// ask is patient with a store that is away for a while.
func (v *verifier) ask(ctx context.Context, key event.Key) (store.Record, error) {
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
