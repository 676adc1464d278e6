package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	dto "github.com/prometheus/client_model/go"

	"github.com/eventagg/eventagg/pkg/store"
)

// What becomes of an event.
const (
	outcomeStored      = "stored"
	outcomeDuplicate   = "duplicate"
	outcomeQueued      = "queued"
	outcomeInvalid     = "invalid"
	outcomeRejected    = "rejected"
	outcomeRedelivered = "redelivered"
	outcomeDeadLetter  = "dead_letter"
)

// outcomes counts events by what became of them. All are there from the start,
// so that a rate sees the first one.
type outcomes map[string]prometheus.Counter

func newOutcomes(factory promauto.Factory, name, help string, labels ...string) outcomes {
	total := factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"outcome"})
	o := make(outcomes, len(labels))
	for _, label := range labels {
		o[label] = total.WithLabelValues(label)
	}
	return o
}

func (o outcomes) add(outcome string, events int64) {
	if events > 0 {
		o[outcome].Add(float64(events))
	}
}

// value is what was counted so far.
func (o outcomes) value(outcome string) int64 {
	var read dto.Metric
	if o[outcome].Write(&read) != nil {
		return 0
	}
	return int64(read.GetCounter().GetValue())
}

// Answered counts events that their sender is told the fate of. Invalid ones
// did not pass validation; rejected ones were refused by the database.
func (m *Metrics) Answered(stored, duplicate, queued, invalid, rejected int64) {
	m.events.add(outcomeStored, stored)
	m.events.add(outcomeDuplicate, duplicate)
	m.events.add(outcomeQueued, queued)
	m.events.add(outcomeInvalid, invalid)
	m.events.add(outcomeRejected, rejected)
}

// Received counts events that a worker moved from the queue into the store.
func (m *Metrics) Received(received store.Received) {
	m.worker.add(outcomeStored, received.Stored)
	m.worker.add(outcomeDuplicate, received.Duplicates)
	m.worker.add(outcomeRedelivered, received.Redelivered)
}

// Buried counts queued events that became dead letters.
func (m *Metrics) Buried(events int) { m.worker.add(outcomeDeadLetter, int64(events)) }
