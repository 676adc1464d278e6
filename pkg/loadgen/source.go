package loadgen

import (
	"context"
	"sync/atomic"

	"github.com/eventagg/eventagg/pkg/event"
)

// Source provides the events of a run, each to one worker.
type Source interface {
	// Next replaces the items of the batch by up to n new ones. If there are
	// none, and no error, the run is over. It may be called concurrently. The
	// context ends a wait for input.
	Next(ctx context.Context, batch *Batch, n int) error
	// Total returns the number of events, or 0 if it is unknown.
	Total() int64
}

// Batch is what a worker sends at once. A worker reuses it.
type Batch struct {
	// Slot is the number of the first item in the run, from 0. The others
	// follow it.
	Slot int64
	// Items are sent in this order.
	Items []Item
}

// Item is an event of a run.
type Item struct {
	Event event.Event
	// Ref identifies the event to a [Ledger].
	Ref Ref
	// Line is the line of a file that the event comes from, from 1. It is 0 if
	// there is no file, or for a repeat.
	Line int64
}

// Ref identifies the key and the content of an event within its run.
type Ref struct {
	// Index numbers the different keys of a run, from 0 without gaps.
	Index int64
	// Version numbers the different contents that were sent with one key, from
	// 0. Only files have more than one.
	Version int
}

// generated is a run over the slots of a generator.
type generated struct {
	*Generator
	next atomic.Int64
}

// Source returns a new run over the slots of g.
func (g *Generator) Source() Source { return &generated{Generator: g} }

// Next claims the next slots.
func (s *generated) Next(_ context.Context, batch *Batch, n int) error {
	end := s.next.Add(int64(n))
	*batch = Batch{Slot: end - int64(n), Items: batch.Items[:0]}
	if count := s.options.Count; count > 0 {
		end = min(end, count)
	}
	for slot := batch.Slot; slot < end; slot++ {
		k, _ := s.Slot(slot)
		batch.Items = append(batch.Items, Item{Event: s.Event(k), Ref: Ref{Index: k}})
	}
	return nil
}

// Total returns the count of the generator.
func (s *generated) Total() int64 { return s.options.Count }
