//go:build linux

package main

import (
	"context"
	"hash/fnv"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

// Values of -ids.
const (
	idsOrdered = "v7" // UUID version 7, ascending, as publish generates them
	idsRandom  = "v4" // UUID version 4, random positions in an index
)

// randomIDs replaces the ids of a source by random ones.
type randomIDs struct{ loadgen.Source }

// Next implements [loadgen.Source].
func (r randomIDs) Next(ctx context.Context, batch *loadgen.Batch, n int) error {
	err := r.Source.Next(ctx, batch, n)
	for i := range batch.Items {
		e := &batch.Items[i].Event
		e.ID = randomID(e.ID)
	}
	return err
}

// randomID returns a UUID version 4 that depends only on the id, so a repeat stays a
// repeat.
func randomID(id string) string {
	hash := fnv.New128a()
	_, _ = hash.Write([]byte(id)) // never fails
	var random uuid.UUID
	hash.Sum(random[:0])
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	return random.String()
}

// again returns the same events repeatedly.
type again struct {
	events []event.Event
	next   atomic.Int64
}

// Next implements [loadgen.Source].
func (a *again) Next(_ context.Context, batch *loadgen.Batch, n int) error {
	end := a.next.Add(int64(n))
	*batch = loadgen.Batch{Slot: end - int64(n), Items: batch.Items[:0]}
	for slot := batch.Slot; slot < end; slot++ {
		at := slot % int64(len(a.events))
		batch.Items = append(batch.Items, loadgen.Item{Event: a.events[at], Ref: loadgen.Ref{Index: at}})
	}
	return nil
}

// Total implements [loadgen.Source]. There is no end.
func (a *again) Total() int64 { return 0 }
