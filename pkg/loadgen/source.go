package loadgen

import (
	"context"
	"sync/atomic"

	"github.com/eventagg/eventagg/pkg/event"
)

// Source hands out the events of a run, each to one worker.
type Source interface {
	// Next empties the batch and fills it with up to n events that nobody was
	// given before. An empty batch without an error says that the run is
	// over. It may be called concurrently; ctx ends a wait for input.
	Next(ctx context.Context, batch *Batch, n int) error
	// Total is how many events there will be, or 0 where nobody can know.
	Total() int64
}

// Batch is what a worker sends at once. It is reused from one call of
// [Source.Next] to the other.
type Batch struct {
	// Slot is the place of the first event in the run, from 0. The others
	// follow it.
	Slot int64
	// Events are to be sent in this order.
	Events []event.Event
	// Marks says for every event which one it is to a [Ledger].
	Marks []Ref
	// Lines says for every event which line of its file it is, from 1; 0 where
	// it is none, or one that was handed out before.
	Lines []int64
}

// Ref identifies an event within its run.
type Ref struct {
	// Index numbers the different keys of a run, from 0 without gaps. All
	// events of a key have the same.
	Index int64
	// Version tells apart the contents that were sent under one key, from 0.
	// Only real input has more than one.
	Version int
}

func (b *Batch) reset() {
	b.Events = b.Events[:0]
	b.Marks = b.Marks[:0]
	b.Lines = b.Lines[:0]
}

func (b *Batch) add(e event.Event, mark Ref, line int64) {
	b.Events = append(b.Events, e)
	b.Marks = append(b.Marks, mark)
	b.Lines = append(b.Lines, line)
}

// only is a batch of one event of b. It shares b's memory.
func (b *Batch) only(i int) Batch {
	return Batch{
		Slot: b.Slot + int64(i), Events: b.Events[i : i+1], Marks: b.Marks[i : i+1], Lines: b.Lines[i : i+1],
	}
}

// generated is the one run that a generator describes.
type generated struct {
	*Generator
	next atomic.Int64
}

// Source returns a new run over the slots of g.
func (g *Generator) Source() Source { return &generated{Generator: g} }

// Next claims the next slots.
func (s *generated) Next(_ context.Context, batch *Batch, n int) error {
	batch.reset()
	end := s.next.Add(int64(n))
	batch.Slot = end - int64(n)
	if count := s.options.Count; count > 0 {
		end = min(end, count)
	}
	for slot := batch.Slot; slot < end; slot++ {
		k, _ := s.Slot(slot)
		batch.add(s.Event(k), Ref{Index: k}, 0)
	}
	return nil
}

// Total is the count of the generator.
func (s *generated) Total() int64 { return s.options.Count }
