package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"

	"github.com/eventagg/eventagg/pkg/store"
)

// maxTicks is the maximum number of ticks that an instance makes a second, after the
// same number at once. A tick has 100 bytes and 18 for each shard with new events, and
// there can be as many as transactions. With the maximum, many readers beside many
// writers get new events up to 20 ms later; a follower reads as seldom as that.
const maxTicks = 50

// tick is one tick of the order: what one snapshot added to the one before.
type tick struct {
	number      uint64
	fingerprint uint32
}

// end is the position after all events of the tick.
func (t tick) end() store.Position {
	return store.Position{Tick: t.number + 1, Fingerprint: t.fingerprint}
}

// head is the last tick, and what there is before it.
type head struct {
	tick

	kept kept
}

// lastTick returns the last tick after it has made one, if events were committed that
// are in none yet. So every event that was committed before the call is in a tick.
//
// Callers in this process take turns. One whose turn comes uses the result of another
// call that has looked after this one had begun: however many readers there are, they
// make one tick at a time.
func (s *Store) lastTick(ctx context.Context) (head, error) {
	mine := s.tickCalls.Add(1)
	select {
	case s.ticking <- struct{}{}:
		defer func() { <-s.ticking }()
	case <-ctx.Done():
		return head{}, ctx.Err()
	}
	if s.looked.calls >= mine {
		return s.looked.last, nil
	}
	found, err := s.findLastTick(ctx)
	if err == nil {
		s.looked = found
	}
	return found.last, err
}

// looked is a result of lastTick, for the calls that had begun before.
type looked struct {
	calls uint64
	last  head
}

// findLastTick is lastTick for the calls that have begun before it reads.
func (s *Store) findLastTick(ctx context.Context) (looked, error) {
	found := looked{calls: s.tickCalls.Load()}
	last, moved, err := s.readLastTick(ctx)
	if found.last = last; err != nil || !moved {
		return found, err
	}
	if err := s.ticks.Wait(ctx); err != nil { // the context has ended, or its deadline would pass meanwhile
		return looked{}, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	}
	found.calls = s.tickCalls.Load() // the new tick is for those that came meanwhile, too
	made, err := s.makeTick(ctx)
	if err != nil || made.number > 0 {
		found.last.tick = made
		return found, err
	}
	found.last, _, err = s.readLastTick(ctx) // another instance was faster
	return found, err
}

// readLastTick returns the last tick and what was kept, and whether events are in no
// tick yet.
func (s *Store) readLastTick(ctx context.Context) (last head, moved bool, err error) {
	_, err = withReader(ctx, s, func(r reader) (struct{}, error) {
		var fingerprint int32
		err := r.QueryRow(ctx, s.queries.lastTick).Scan(&last.number, &fingerprint, &moved, &last.kept.drops, &last.kept.first, &last.kept.from)
		last.fingerprint = uint32(fingerprint)
		return struct{}{}, err
	})
	return last, moved, err
}

// makeTick makes the next tick and returns it, or a zero tick if there was nothing
// new. It returns after the COMMIT: a position in a tick that a crash loses would be
// one in another tick.
func (s *Store) makeTick(ctx context.Context) (made tick, err error) {
	conn, err := s.readers.Acquire(ctx)
	if err != nil {
		return tick{}, err
	}
	defer conn.Release()
	read := func(row [][]byte) {
		made = tick{number: binary.BigEndian.Uint64(row[0]), fingerprint: binary.BigEndian.Uint32(row[1])}
	}
	err = s.inTransaction(ctx, conn.Conn(), s.queries.writerTransaction, read, statement{text: s.queries.tickLock}, statement{text: s.queries.makeTick})
	return made, err
}

// tickOf returns the tick whose fingerprint a position has. The position before the
// first event of a tick is the end of the tick before.
func tickOf(at store.Position) uint64 {
	if at.Commit == 0 && at.Seq == 0 && at.Tick > 0 {
		return at.Tick - 1
	}
	return at.Tick
}

// normal returns an equal position that is not before the first event of a tick: the
// end of the tick before is then a position in that tick.
func normal(at store.Position) store.Position {
	if at.Commit == 0 && at.Seq == 0 && at.Tick > 0 {
		return store.Position{Tick: at.Tick - 1, Commit: math.MaxInt64, Fingerprint: at.Fingerprint}
	}
	return at
}
