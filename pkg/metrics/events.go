package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	dto "github.com/prometheus/client_model/go"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Values of the label outcome.
const (
	outcomeStored      = "stored"
	outcomeDuplicate   = "duplicate"
	outcomeQueued      = "queued"
	outcomeInvalid     = "invalid"
	outcomeRejected    = "rejected"
	outcomeRedelivered = "redelivered"
	outcomeDeadLetter  = "dead_letter"
)

// outcomes counts events by outcome. Each counter exists from the start with the
// value 0; otherwise rate() would miss the first event.
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

// tally returns the counts so far.
func (o outcomes) tally() event.Tally {
	return event.Tally{
		Stored: o.value(outcomeStored), Duplicate: o.value(outcomeDuplicate), Queued: o.value(outcomeQueued),
		Invalid: o.value(outcomeInvalid), Rejected: o.value(outcomeRejected),
	}
}

func (o outcomes) value(outcome string) int64 {
	var read dto.Metric
	if total, found := o[outcome]; !found || total.Write(&read) != nil {
		return 0
	}
	return int64(read.GetCounter().GetValue())
}

// RecordEvents counts events by the outcome in the response. Invalid events
// failed validation; the database refused rejected ones.
func (m *Metrics) RecordEvents(events event.Tally) {
	m.events.add(outcomeStored, events.Stored)
	m.events.add(outcomeDuplicate, events.Duplicate)
	m.events.add(outcomeQueued, events.Queued)
	m.events.add(outcomeInvalid, events.Invalid)
	m.events.add(outcomeRejected, events.Rejected)
}

// RecordReceived counts events that a worker moved from the queue to the store.
func (m *Metrics) RecordReceived(received store.Received) {
	m.worker.add(outcomeStored, received.Stored)
	m.worker.add(outcomeDuplicate, received.Duplicates)
	m.worker.add(outcomeRedelivered, received.Redelivered)
}

// RecordDeadLetters counts queued events that became dead letters.
func (m *Metrics) RecordDeadLetters(events int) { m.worker.add(outcomeDeadLetter, int64(events)) }
