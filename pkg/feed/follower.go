package feed

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

// pageEvents is how many events a follower that is behind reads at once.
const pageEvents = 200

// Follower reads the events of a [Feed] from one position on. It is not for
// concurrent use.
type Follower struct {
	feed     *Feed
	tail     *tail
	filter   store.Filter
	position store.Position
	chunk    *[]byte // what the next call of Next gives out
	given    *[]byte // what the last one has
}

// Position is how far the follower has come: every matching event up to there
// was given out.
func (f *Follower) Position() store.Position { return f.position }

// Leave ends following. A second call does nothing.
func (f *Follower) Leave() {
	if f.tail == nil {
		return
	}
	f.recycle()
	f.feed.leave(f.tail)
	f.tail = nil
}

// Next returns the texts of the next events, one after another, or nothing when
// there are none for as long as patience. What it returns is good until the next
// call. While the store is away it waits. The error is the context's, or
// [store.ErrPosition].
func (f *Follower) Next(ctx context.Context, patience time.Duration) ([]byte, error) {
	f.recycle()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for f.chunk == nil {
		changed, behind, err := f.copyRecent()
		if err != nil {
			return nil, err
		}
		if f.chunk != nil {
			break
		}
		var retry <-chan time.Time
		if behind {
			err := f.readPage(ctx)
			switch {
			case err == nil:
				continue
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case errors.Is(err, store.ErrPosition):
				return nil, err
			}
			retry = time.After(failing)
		}
		select {
		case <-changed:
		case <-retry:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.given, f.chunk = f.chunk, nil
	return *f.given, f.feed.pay(ctx, microsPerWrite+len(*f.given)/bytesPerMicro)
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
	return f.feed.pay(ctx, microsPerRecord*(read+1))
}

// takePage reads a page and returns how many events it had. What the chunk can't
// hold is read again later: held until then, the pages of followers that don't
// read would be what takes the memory.
func (f *Follower) takePage(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	records, next, err := f.feed.reader.Newer(ctx, f.filter, f.position, pageEvents)
	if err != nil {
		return 0, err
	}
	var text []byte
	for _, record := range records {
		text = f.feed.options.Encode(text[:0], record)
		if !f.fits(text) {
			return len(records), nil
		}
		f.position = record.Position
	}
	f.position = next
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
