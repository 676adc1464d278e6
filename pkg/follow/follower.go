package follow

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// chunkBytes is about how much a follower gets at once. It is large enough to
// make a write worth its cost, and small enough for a thousand followers that
// don't read.
const chunkBytes = 32 << 10

// pageEvents is the maximum number of events that a follower reads at once, and
// firstPageEvents the number of its first page. Most followers find little there, and a
// follower of large events that is refused for its memory should have read few.
const (
	pageEvents      = 200
	firstPageEvents = 4
)

// Follower reads the events of a [Hub] from one position. It is not safe for
// concurrent use.
type Follower struct {
	hub      *Hub
	tail     *tail
	filter   store.Filter
	page     int            // how many events to read at once
	position store.Position // the end of chunk
	returned store.Position // the end of what Next has returned
	chunk    *[]byte        // what Next returns next
	lent     *[]byte        // what the last call of Next returned
	cpu      reservation    // for the work that chunk takes
	memory   Memory
	long     int64 // what chunk or lent takes of memory
}

// Memory takes memory for an event that is longer than a chunk, or gives it back if
// bytes is negative. Its error should match [store.ErrOverloaded]; the follower then
// waits and tries again.
type Memory func(bytes int64) error

// Position returns how far the follower has come. Next has returned every
// matching event up to there.
func (f *Follower) Position() store.Position { return f.returned }

// Leave ends following. A second call does nothing.
func (f *Follower) Leave() {
	if f.tail == nil {
		return
	}
	f.recycle()
	f.freeLong()
	f.cpu.release()
	f.hub.leave(f.tail)
	f.tail = nil
}

// Next returns the texts of the next events, one after the other. It returns
// nothing if there are none within maxWait, or if the CPU budget allows none
// yet. The result is valid until the next call.
//
// If the store is unavailable, Next waits. The error is the context's,
// [store.ErrForeignPosition], or [store.ErrDropped].
func (f *Follower) Next(ctx context.Context, maxWait time.Duration) ([]byte, error) {
	f.recycle()
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	for {
		var changed <-chan struct{}
		wait := f.cpu.wait()
		if wait == 0 {
			if f.chunk != nil {
				break
			}
			var err error
			if changed, wait, err = f.fill(ctx); err != nil {
				return nil, err
			}
			if changed == nil {
				continue
			}
		}
		var again <-chan time.Time
		if wait > 0 {
			again = time.After(wait)
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
	f.returned = f.position
	f.lent, f.chunk = f.chunk, nil
	return *f.lent, nil
}

// fill looks for the next events. If changed is nil, it has made progress.
// Otherwise call it again when changed is closed, or after wait if that is not 0.
func (f *Follower) fill(ctx context.Context) (changed <-chan struct{}, wait time.Duration, err error) {
	changed, behind, err := f.copyRecent()
	switch {
	case errors.Is(err, store.ErrOverloaded):
		return changed, retryDelay, nil
	case err != nil:
		return nil, 0, err
	case f.chunk != nil:
		f.cpu.reserve(costOf(*f.chunk))
		return nil, 0, nil
	case !behind:
		f.returned = f.position
		return changed, 0, nil
	}
	err = f.readPage(ctx)
	switch {
	case err == nil:
		return nil, 0, nil
	case ctx.Err() != nil:
		return nil, 0, ctx.Err()
	case lost(err):
		return nil, 0, err
	}
	return changed, retryDelay, nil
}

// copyRecent copies the recent events after the follower's position, at most a
// chunk. If the position is before the oldest recent event, behind is true and
// the follower must read for itself. The channel is closed when there is more.
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
		if matches(f.filter, e.topic, e.source, e.created) {
			if fits, err := f.appendText(e.text); !fits {
				return t.changed, false, err
			}
		}
		f.position = e.position
	}
	if t.high.Compare(f.position) > 0 {
		f.position = t.high
	}
	return t.changed, false, nil
}

// readPage reads the next events for this follower alone, at most a chunk.
func (f *Follower) readPage(ctx context.Context) error {
	select {
	case f.hub.pageReaders <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	read, err := f.fillFromStore(ctx)
	<-f.hub.pageReaders
	if err != nil {
		return err
	}
	f.cpu.reserve(costOfRecord * time.Duration(read+1))
	if f.chunk == nil {
		f.returned = f.position
	} else {
		f.cpu.reserve(costOf(*f.chunk))
	}
	return nil
}

// fillFromStore fills a chunk from the store and returns how many events it
// read. Events that do not fit are read again later: kept pages of followers
// that don't read would use up the memory. The size of the next page is
// therefore what fitted this time.
func (f *Follower) fillFromStore(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	records, next, err := f.hub.reader.Newer(ctx, f.filter, f.position, f.page)
	if err != nil {
		return 0, err
	}
	var text []byte
	for i, record := range records {
		text = f.hub.options.Encode(text[:0], record)
		fits, err := f.appendText(text)
		if err != nil {
			f.page = 1 // this event is read again later
			return 0, err
		}
		if !fits {
			const spare = 8 // the next events may be shorter by 1/8
			f.page = i + i/spare
			return len(records), nil
		}
		f.position = record.Position
	}
	f.position, f.page = next, min(2*f.page, pageEvents)
	return len(records), nil
}

// appendText appends a text to the chunk and reports whether there was room. A
// text that is longer than a chunk fits into an empty one, if there is memory.
func (f *Follower) appendText(text []byte) (fits bool, err error) {
	if f.chunk == nil && len(text) > chunkBytes && f.memory != nil {
		if err := f.memory(int64(len(text))); err != nil {
			return false, err
		}
		f.long = int64(len(text))
	}
	if f.chunk == nil {
		f.chunk = f.hub.buffers.Get().(*[]byte)
		*f.chunk = (*f.chunk)[:0]
	}
	if len(*f.chunk) > 0 && len(*f.chunk)+len(text) > chunkBytes {
		return false, nil
	}
	*f.chunk = append(*f.chunk, text...)
	return true, nil
}

// recycle reuses the buffer that the last call of Next returned, unless it had
// to grow for a large event.
func (f *Follower) recycle() {
	if f.lent != nil && cap(*f.lent) <= chunkBytes {
		f.hub.buffers.Put(f.lent)
	}
	f.lent = nil
	if f.chunk == nil {
		f.freeLong()
	}
}

// freeLong gives the memory of a long event back.
func (f *Follower) freeLong() {
	if f.long > 0 {
		_ = f.memory(-f.long) // giving back never fails
		f.long = 0
	}
}
