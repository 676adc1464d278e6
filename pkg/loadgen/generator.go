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
	MaxPayloadBytes = 1_000_000 // an event of 1 MiB is too long for a server as it comes
)

// GeneratorOptions say which events a run is made of. Two generators with equal
// options make the same run.
type GeneratorOptions struct {
	// Count is how many events are sent, repeats included; 0 is no end.
	Count int64
	// DupRate is the share of Count that repeats an earlier event of the run,
	// from 0 to below 1.
	DupRate float64
	// Seed decides everything that looks random.
	Seed uint64
	// Start is the time of the first event. The zero Time is the first moment
	// of 2025, so that a seed alone decides the events.
	Start time.Time
	// Topics is how many topics there are; 0 is DefaultTopics.
	Topics int
	// Source is the source of every event; empty is DefaultSource.
	Source string
	// PayloadBytes is about how long a payload is; 0 is DefaultPayloadBytes.
	PayloadBytes int
}

// Generator makes events up. It is pure: slot i of a run and event k are the
// same whenever and in whatever order they are asked for. It may be used
// concurrently.
type Generator struct {
	options GeneratorOptions
	topics  []string
	// Of every period slots, repeats repeat an earlier event.
	repeats, period uint64
	// start is Options.Start in units of 1/4096 ms, see Event.
	start int64
}

// openPeriod is the period of a run without an end: it makes the share of
// repeats follow any rate to nine digits.
const openPeriod = 1_000_000_000

// NewGenerator checks the options. Its errors are about what the user asked
// for, and name all that is wrong.
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
	if g.repeats >= g.period { // slot 0 has nothing to repeat
		return nil, fmt.Errorf("a dup-rate of %v makes all %d events repeats; at least one must be new: lower it",
			o.DupRate, g.period)
	}
	g.topics = topicNames(o.Topics)
	if err := g.Event(0).Validate(); err != nil { // the source is the user's text
		return nil, err
	}
	return g, nil
}

func (o GeneratorOptions) check() error {
	var faults []error
	if o.Count < 0 {
		faults = append(faults, fmt.Errorf("count must not be negative, is %d", o.Count))
	}
	if !(o.DupRate >= 0 && o.DupRate <= 1) { // catches NaN too
		faults = append(faults, fmt.Errorf("dup-rate must be from 0 to below 1, is %v", o.DupRate))
	}
	if o.Topics < 1 || o.Topics > MaxTopics {
		faults = append(faults, fmt.Errorf("topics must be from 1 to %d, is %d", MaxTopics, o.Topics))
	}
	if o.PayloadBytes < 1 || o.PayloadBytes > MaxPayloadBytes {
		faults = append(faults, fmt.Errorf("payload-bytes must be from 1 to %d, is %d", MaxPayloadBytes, o.PayloadBytes))
	}
	if year := o.Start.Year(); year < 1970 || year > 9000 {
		faults = append(faults, fmt.Errorf("start must lie in the years 1970 to 9000, is %v", o.Start))
	}
	return errors.Join(faults...)
}

// Repeats is how many of GeneratorOptions.Count are repeats; of a run without end, how many of
// the first 1,000,000,000.
func (g *Generator) Repeats() int64 { return int64(g.repeats) }

// recent is how many of the newest originals half of the repeats choose from.
// It is of the order of the requests in flight, so that these repeats race
// their originals, and now and then overtake them.
const recent = 32

// Slot says what slot i of the run sends: event k, and whether that repeats an
// event of an earlier slot. Originals are numbered in the order of their slots,
// from 0. Of the first n slots, floor(n × repeats ÷ count) are repeats: they
// are spread evenly and the last one brings them to exactly the number wanted.
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

// repeatsBefore is floor(i × repeats ÷ period), in 128 bits on the way.
func (g *Generator) repeatsBefore(i int64) int64 {
	high, low := bits.Mul64(uint64(i), g.repeats)
	quotient, _ := bits.Div64(high, low, g.period)
	return int64(quotient)
}

// Key returns the key of event k. It implements [Originals].
func (g *Generator) Key(k int64) event.Key { return g.Event(k).Key() }

// Matches reports whether what is stored says the same as event k. There is
// only one version of it. It implements [Originals].
func (g *Generator) Matches(k int64, _ int, stored event.Event) bool {
	return sameContent(g.Event(k), stored)
}
