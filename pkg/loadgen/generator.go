package loadgen

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// Defaults of [GeneratorOptions].
const (
	DefaultTopics       = 10
	DefaultSource       = "publisher"
	DefaultPayloadBytes = 128
)

// Limits of [GeneratorOptions].
const (
	MaxTopics       = 1_000_000
	MaxPayloadBytes = 1_000_000 // an event over 1 MiB exceeds the default limit of a server
)

// GeneratorOptions define the events of a run. Generators with equal options
// produce the same run.
type GeneratorOptions struct {
	// Count is the number of events, including repeats. 0 means no end.
	Count int64
	// DupRate is the fraction of Count that repeats an earlier event of the run,
	// at least 0 and less than 1.
	DupRate float64
	// Seed determines all random choices.
	Seed uint64
	// Start is the time of the first event. The zero Time means the start of
	// 2025, so that the seed alone determines the events.
	Start time.Time
	// Topics is the number of topics. 0 means DefaultTopics.
	Topics int
	// Source is the source of each event. "" means DefaultSource.
	Source string
	// PayloadBytes is the approximate size of a payload. 0 means
	// DefaultPayloadBytes.
	PayloadBytes int
}

// Generator generates events. It is pure: slot i of a run and event k never depend
// on the order of calls. It may be used concurrently.
type Generator struct {
	options GeneratorOptions
	topics  []string
	// Of each period of slots, this number repeats an earlier event.
	repeats, period uint64
	// start is Options.Start in units of 1/4096 ms, see Event.
	start int64
}

// openPeriod is the period of a run without an end. The fraction of repeats is
// then exact to nine digits.
const openPeriod = 1_000_000_000

// NewGenerator checks the options. Its error lists all invalid ones.
func NewGenerator(o GeneratorOptions) (*Generator, error) {
	if o.Topics == 0 {
		o.Topics = DefaultTopics
	}
	if o.Source == "" {
		o.Source = DefaultSource
	}
	if o.PayloadBytes == 0 {
		o.PayloadBytes = DefaultPayloadBytes
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	g := &Generator{options: o, period: uint64(max(o.Count, 0)), start: o.Start.UnixMilli() << fractionBits}
	if o.Count == 0 {
		g.period = openPeriod
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	g.repeats = uint64(math.Round(float64(g.period) * o.DupRate))
	if g.repeats >= g.period { // slot 0 can't be a repeat
		return nil, fmt.Errorf("invalid dup-rate %v: all %d events would be repeats (use a lower rate)", o.DupRate, g.period)
	}
	g.topics = topicNames(o.Topics)
	if err := g.Event(0).Validate(); err != nil { // checks the source
		return nil, err
	}
	return g, nil
}

func (o GeneratorOptions) check() error {
	var faults []error
	if o.Count < 0 {
		faults = append(faults, fmt.Errorf("invalid count %d: must not be negative", o.Count))
	}
	if !(o.DupRate >= 0 && o.DupRate <= 1) { // also for NaN
		faults = append(faults, fmt.Errorf("invalid dup-rate %v: must be at least 0 and less than 1", o.DupRate))
	}
	if o.Topics < 1 || o.Topics > MaxTopics {
		faults = append(faults, fmt.Errorf("invalid topics %d: must be from 1 to %d", o.Topics, MaxTopics))
	}
	if o.PayloadBytes < 1 || o.PayloadBytes > MaxPayloadBytes {
		faults = append(faults, fmt.Errorf("invalid payload-bytes %d: must be from 1 to %d", o.PayloadBytes, MaxPayloadBytes))
	}
	if year := o.Start.Year(); year < 1970 || year > 9000 {
		faults = append(faults, fmt.Errorf("invalid start %v: must be in the years 1970 to 9000", o.Start))
	}
	return errors.Join(faults...)
}

// Repeats returns the number of repeats in GeneratorOptions.Count events, or in
// 1,000,000,000 events if the run has no end.
func (g *Generator) Repeats() int64 { return int64(g.repeats) }

// recent is the number of newest originals that half of the repeats choose from.
// It is similar to the number of requests in flight, so these repeats race their
// originals and sometimes overtake them.
const recent = 32

// Slot returns the event k that slot i of the run sends, and whether it repeats an
// earlier slot. Originals are numbered in the order of their slots, from 0. Of the
// first n slots, floor(n × repeats ÷ count) are repeats. So repeats are spread
// evenly, and their number is exact at the end.
func (g *Generator) Slot(i int64) (k int64, repeat bool) {
	before := g.repeatsBefore(i)
	originals := i - before
	if g.repeatsBefore(i+1) == before {
		return originals, false
	}
	choice := draw(g.options.Seed, streamPick, i)
	if choice&1 == 0 {
		window := uint64(min(originals, recent))
		return originals - 1 - int64((choice>>1)%window), true
	}
	return int64((choice >> 1) % uint64(originals)), true
}

// repeatsBefore returns floor(i × repeats ÷ period), computed in 128 bits.
func (g *Generator) repeatsBefore(i int64) int64 {
	high, low := bits.Mul64(uint64(i), g.repeats)
	quotient, _ := bits.Div64(high, low, g.period)
	return int64(quotient)
}

// Key returns the key of event k. It implements [Originals].
func (g *Generator) Key(k int64) event.Key { return g.Event(k).Key() }

// Matches reports whether the stored event has the content of event k, which has
// only one version. It implements [Originals].
func (g *Generator) Matches(k int64, _ int, stored event.Event) bool {
	return sameContent(g.Event(k), stored)
}
