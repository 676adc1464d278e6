package follow

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// chunkBytes is about how much a follower is given at once: enough to make a
// write worth its cost, little enough for a thousand followers that don't read.
const chunkBytes = 32 << 10

// pageEvents is how many events a follower that is behind reads at most at once.
const pageEvents = 200

// Follower reads the events of a [Hub] from one position on. It is not for
// concurrent use.
type Follower struct {
	feed     *Hub
	tail     *tail
	filter   store.Filter
	page     int            // how many events to read at once
	position store.Position // how far the chunk goes
	reached  store.Position // how far was given out
	chunk    *[]byte        // what is given out next
	given    *[]byte        // what the last call of Next has
	debt     time.Duration  // what was taken of the share and may be used when due
	due      time.Time
}

// Position is how far the follower has come: every matching event up to there
// was given out.
func (f *Follower) Position() store.Position { return f.reached }

// Leave ends following. A second call does nothing.
func (f *Follower) Leave() {
	if f.tail == nil {
		return
	}
	f.recycle()
	f.settle()
	f.feed.leave(f.tail)
	f.tail = nil
}

// Next returns the texts of the next events, one after another, or nothing when
// there are none for as long as patience, or when the follower may not have them
// yet. What it returns is good until the next call. While the store is away it
// waits. The error is the context's, or [store.ErrForeignPosition].
func (f *Follower) Next(ctx context.Context, patience time.Duration) ([]byte, error) {
	f.recycle()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		var changed <-chan struct{}
		pause := f.owes()
		if pause == 0 {
			if f.chunk != nil {
				break
			}
			var err error
			if changed, pause, err = f.look(ctx); err != nil {
				return nil, err
			}
			if changed == nil {
				continue
			}
		}
		var again <-chan time.Time
		if pause > 0 {
			again = time.After(pause)
		}
		select {
		case <-changed:
		case <-again:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.reached = f.position
	f.given, f.chunk = f.chunk, nil
	return *f.given, nil
}

// look finds the next events, and tells when to do it again where there are
// none: after a pause, or when what is returned is closed. Without the latter
// something was found.
func (f *Follower) look(ctx context.Context) (changed <-chan struct{}, pause time.Duration, err error) {
	changed, behind, err := f.copyRecent()
	switch {
	case err != nil:
		return nil, 0, err
	case f.chunk != nil:
		f.owe(costOf(*f.chunk))
		return nil, 0, nil
	case !behind:
		f.reached = f.position
		return changed, 0, nil
	}
	err = f.readPage(ctx)
	switch {
	case err == nil:
		return nil, 0, nil
	case ctx.Err() != nil:
		return nil, 0, ctx.Err()
	case errors.Is(err, store.ErrForeignPosition):
		return nil, 0, err
	}
	return changed, failing, nil
}

// owe takes a part of the share, while there is storing to be spared. What it
// was taken for is given out when the share has it.
func (f *Follower) owe(work time.Duration) {
	if !f.feed.storing() {
		return
	}
	due, took := f.feed.share.charge(work, time.Now())
	f.due = due
	f.debt += took
}

// owes is how long to wait for what is owed, 0 where that is nothing. When
// storing has ended it is nothing any more.
func (f *Follower) owes() time.Duration {
	if f.debt == 0 {
		return 0
	}
	if wait := time.Until(f.due); wait > 0 && f.feed.storing() {
		return min(wait, quiet)
	}
	f.settle()
	return 0
}

// settle ends what is owed; what was not waited for is given back.
func (f *Follower) settle() {
	if f.debt > 0 && time.Until(f.due) > 0 {
		f.feed.share.refund(f.debt)
	}
	f.debt = 0
}

// copyRecent takes what the tail has behind the follower's position, as much as
// a chunk holds. A follower that is behind the tail's oldest event must read for
// itself. Otherwise, and with nothing taken, changed says when to look again.
func (f *Follower) copyRecent() (changed <-chan struct{}, behind bool, err error) {
	t := f.tail
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case t.err != nil:
		return nil, false, t.err
	case !t.ready:
		return t.changed, false, nil
	case f.position.Compare(t.low) < 0:
		return t.changed, true, nil
	}
	i, found := slices.BinarySearchFunc(t.recent, f.position, func(e entry, p store.Position) int { return e.position.Compare(p) })
	if found {
		i++
	}
	for ; i < len(t.recent); i++ {
		e := &t.recent[i]
		if matches(f.filter, e.topic, e.source, e.created) && !f.fits(e.text) {
			return t.changed, false, nil
		}
		f.position = e.position
	}
	if t.high.Compare(f.position) > 0 {
		f.position = t.high
	}
	return t.changed, false, nil
}

// readPage reads the next events for this follower alone, as many as a chunk
// holds.
func (f *Follower) readPage(ctx context.Context) error {
	select {
	case f.feed.reading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	read, err := f.takePage(ctx)
	<-f.feed.reading
	if err != nil {
		return err
	}
	f.owe(costOfRecord * time.Duration(read+1))
	if f.chunk == nil {
		f.reached = f.position
	} else {
		f.owe(costOf(*f.chunk))
	}
	return nil
}

// takePage reads a page and returns how many events it had. What the chunk can't
// hold is read again later: held until then, the pages of followers that don't
// read would be what takes the memory. So it asks for about what the chunk before
// had room for.
func (f *Follower) takePage(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	records, next, err := f.feed.reader.Newer(ctx, f.filter, f.position, f.page)
	if err != nil {
		return 0, err
	}
	var text []byte
	for i, record := range records {
		text = f.feed.options.Encode(text[:0], record)
		if !f.fits(text) {
			const spare = 8 // the next ones may be shorter by this part
			f.page = i + i/spare
			return len(records), nil
		}
		f.position = record.Position
	}
	f.position, f.page = next, min(2*f.page, pageEvents)
	return len(records), nil
}

// fits adds a text to the chunk, unless that is full. A text that is longer than
// a chunk is one by itself.
func (f *Follower) fits(text []byte) bool {
	if f.chunk == nil {
		f.chunk = f.feed.buffers.Get().(*[]byte)
		*f.chunk = (*f.chunk)[:0]
	}
	if len(*f.chunk) > 0 && len(*f.chunk)+len(text) > chunkBytes {
		return false
	}
	*f.chunk = append(*f.chunk, text...)
	return true
}

// recycle gives back what the last call of Next gave out. One that had to grow
// for a large event is left to the garbage collector.
func (f *Follower) recycle() {
	if f.given != nil && cap(*f.given) <= chunkBytes {
		f.feed.buffers.Put(f.given)
	}
	f.given = nil
}
