package publish

import (
	"hash/maphash"
	"net/http"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// lineAppender appends the lines of a stream, chunk after chunk.
type lineAppender struct {
	*lineStream

	handler *Handler
	request *http.Request
	prefer  preferences
	seed    maphash.Seed
}

// run appends until there are no more chunks, or one fails.
func (a *lineAppender) run() {
	var chunk lineChunk
	for a.queue.take(&chunk) {
		outcomes, err := a.append(chunk.events)
		_ = a.budget.hold(-int(chunk.bytes))
		if err != nil {
			a.queue.fail(err)
			a.deadline.stop() // the reader may be waiting for a line
			return
		}
		a.result.record(&chunk, outcomes)
		chunk.reset()
	}
}

// minLaneEvents is the number of events from which a chunk is appended in two
// lanes. A transaction costs as much as about twenty events.
const minLaneEvents = 500

// append appends one chunk. A large one goes in two lanes side by side, because a
// single transaction keeps only one process of PostgreSQL busy. A key always has
// the same lane, so its first line still wins.
func (a *lineAppender) append(events []event.Event) ([]event.Outcome, error) {
	if len(events) < minLaneEvents {
		return a.appendLane(events)
	}
	var lanes [2]lane
	for i := range events {
		lanes[maphash.String(a.seed, events[i].ID)%2].add(i, events[i])
	}
	var other sync.WaitGroup
	other.Go(func() { lanes[1].outcomes, lanes[1].err = a.appendLane(lanes[1].events) })
	lanes[0].outcomes, lanes[0].err = a.appendLane(lanes[0].events)
	other.Wait()
	outcomes := make([]event.Outcome, len(events))
	for _, lane := range lanes {
		if lane.err != nil {
			return nil, lane.err
		}
		for i, index := range lane.indexes {
			outcomes[index] = lane.outcomes[i]
		}
	}
	return outcomes, nil
}

// lane is a part of a chunk, with the index in the chunk of each event.
type lane struct {
	events   []event.Event
	indexes  []int
	outcomes []event.Outcome
	err      error
}

func (l *lane) add(index int, e event.Event) {
	l.indexes = append(l.indexes, index)
	l.events = append(l.events, e)
}

// appendLane appends events. While the server is overloaded it retries: nothing
// was stored, and meanwhile TCP slows the client down.
func (a *lineAppender) appendLane(events []event.Event) (outcomes []event.Outcome, err error) {
	// This is not the goroutine of the handler, which would recover from a panic.
	err = respond.Guard(func() error {
		return retryWhileOverloaded(a.request.Context(), maxLineWait, func() error {
			outcomes, err = a.handler.append(a.request, a.prefer, events)
			return err
		})
	})
	return outcomes, err
}
