package loadgen

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// drawGenerator makes any generator with an end.
func drawGenerator(t *rapid.T) *Generator {
	count := rapid.Int64Range(1, 3000).Draw(t, "count")
	o := GeneratorOptions{
		Count:        count,
		DupRate:      rapid.Float64Range(0, 1).Draw(t, "rate"),
		Seed:         rapid.Uint64().Draw(t, "seed"),
		Topics:       rapid.IntRange(1, 50).Draw(t, "topics"),
		PayloadBytes: rapid.IntRange(1, 700).Draw(t, "bytes"),
	}
	if math.Round(float64(count)*o.DupRate) > float64(count-1) {
		o.DupRate = 0
	}
	g, err := NewGenerator(o)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	return g
}

func TestGenerator_RepeatsExactNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		sent := map[event.Event]bool{}
		originals, repeats := int64(0), int64(0)
		for i := range g.options.Count {
			k, repeat := g.Slot(i)
			e := g.Event(k)
			if repeat != sent[e] {
				t.Fatalf("slot %d: repeat is %v, but event %d sent before is %v", i, repeat, k, sent[e])
			}
			if repeat {
				repeats++
				continue
			}
			if k != originals {
				t.Fatalf("slot %d is original %d, want %d", i, k, originals)
			}
			originals++
			sent[e] = true
		}
		want := int64(math.Round(float64(g.options.Count) * g.options.DupRate))
		if repeats != want || originals != g.options.Count-want {
			t.Fatalf("%d repeats and %d originals, want %d repeats of %d", repeats, originals, want, g.options.Count)
		}
	})
}

func TestGenerator_SameOptionsSameRun(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		again := newGenerator(t, g.options)
		for range 20 {
			i := rapid.Int64Range(0, g.options.Count-1).Draw(t, "slot")
			k, repeat := g.Slot(i)
			k2, repeat2 := again.Slot(i)
			if k != k2 || repeat != repeat2 || g.Event(k) != again.Event(k) {
				t.Fatalf("slot %d differs: %d %v and %d %v", i, k, repeat, k2, repeat2)
			}
		}
		other := g.options
		other.Seed++
		if newGenerator(t, other).Event(0).ID == g.Event(0).ID {
			t.Fatal("another seed has the same id")
		}
	})
}

func newGenerator(t *rapid.T, o GeneratorOptions) *Generator {
	g, err := NewGenerator(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGenerator_EventsHaveAscendingUUIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		last := ""
		for k := range min(g.options.Count, 300) {
			e := g.Event(k)
			if err := e.Validate(); err != nil {
				t.Fatalf("event %d: %v", k, err)
			}
			id, err := uuid.Parse(e.ID)
			if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
				t.Fatalf("event %d: id %q is not a UUID version 7: %v", k, e.ID, err)
			}
			if e.ID <= last {
				t.Fatalf("event %d: id %q does not ascend from %q", k, e.ID, last)
			}
			last = e.ID
			seconds, nanos := id.Time().UnixTime()
			if drift := e.Timestamp.Sub(time.Unix(seconds, nanos)); drift < 0 || drift >= time.Millisecond {
				t.Fatalf("event %d: timestamp %v, id's time %v", k, e.Timestamp, time.Unix(seconds, nanos).UTC())
			}
			if decoded, err := codec.Decode(codec.Append(nil, e)); err != nil || decoded != e {
				t.Fatalf("event %d changes when encoded and decoded: %v", k, err)
			}
		}
	})
}

func TestGenerator_PayloadSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{80, 81, 128, 129, 511, 5000, MaxPayloadBytes} {
		g := mustGenerator(t, GeneratorOptions{PayloadBytes: size})
		for _, k := range []int64{0, 9, 1234, 9_999_999} {
			if got := len(g.Event(k).Payload); got != size {
				t.Errorf("payload of event %d has %d bytes, want %d", k, got, size)
			}
		}
	}
	if got := mustGenerator(t, GeneratorOptions{PayloadBytes: 1}).Event(7).Payload; got != `{"seq":7}` {
		t.Errorf("shortest payload is %s", got)
	}
}

func TestGenerator_RepeatsWithoutEnd(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 0.001, 0.3, 1.0 / 3, 0.5, 0.999} {
		g := mustGenerator(t, GeneratorOptions{DupRate: rate, Seed: 7})
		repeats := 0
		for i := range int64(20_000) {
			if _, repeat := g.Slot(i); repeat {
				repeats++
			}
			if want := float64(i+1) * rate; math.Abs(float64(repeats)-want) > 1.001 {
				t.Fatalf("rate %v: %d repeats in %d slots", rate, repeats, i+1)
			}
		}
		// Distant slots neither overflow nor repeat later events.
		if k, _ := g.Slot(1 << 55); k < 0 || k >= 1<<55 && rate > 0 {
			t.Errorf("rate %v: slot 2^55 is event %d", rate, k)
		}
	}
}

func TestGenerator_RepeatsRecentAndDistantEvents(t *testing.T) {
	t.Parallel()
	g := mustGenerator(t, GeneratorOptions{Count: 20_000, DupRate: 0.3, Seed: 1})
	near, far := 0, 0
	for i := range g.options.Count {
		if k, repeat := g.Slot(i); repeat {
			if i-g.repeatsBefore(i)-k <= recent {
				near++
			} else {
				far++
			}
		}
	}
	if near < 2000 || far < 2000 {
		t.Errorf("%d recent and %d distant repeats of 6,000", near, far)
	}
}

func TestGenerator_TopicsAndSource(t *testing.T) {
	t.Parallel()
	g := mustGenerator(t, GeneratorOptions{Topics: 23, Source: "web-1"})
	seen := map[string]int{}
	for k := range int64(5000) {
		e := g.Event(k)
		seen[e.Topic]++
		if e.Source != "web-1" {
			t.Fatalf("source is %q", e.Source)
		}
	}
	if len(seen) != 23 {
		t.Errorf("%d topics, want 23: %v", len(seen), seen)
	}
	for topic, n := range seen {
		if n < 100 {
			t.Errorf("topic %s has %d of 5,000 events", topic, n)
		}
	}
}

func TestNewGenerator_ReportsInvalidOptions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options GeneratorOptions
		want    []string
	}{
		"all events would be repeats":          {GeneratorOptions{Count: 10, DupRate: 0.96}, []string{"all 10 events"}},
		"a single event can't be half repeats": {GeneratorOptions{Count: 1, DupRate: 0.5}, []string{"all 1 events"}},
		"no end and nothing new":               {GeneratorOptions{DupRate: 1}, []string{"invalid dup-rate 1"}},
		"a rate above one":                     {GeneratorOptions{Count: 10, DupRate: 1.1}, []string{"invalid dup-rate"}},
		"a rate that is not a number":          {GeneratorOptions{Count: 10, DupRate: math.NaN()}, []string{"invalid dup-rate"}},
		"a source of control characters":       {GeneratorOptions{Source: "a\x00"}, []string{"source"}},
		"a start before the epoch":             {GeneratorOptions{Start: time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{"start"}},
		"everything at once": {
			GeneratorOptions{Count: -1, DupRate: -1, Topics: -1, PayloadBytes: MaxPayloadBytes + 1},
			[]string{"count", "dup-rate", "topics", "payload-bytes"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewGenerator(test.options)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want it to contain %q", err, want)
				}
			}
		})
	}
}

func TestGenerator_SourceReturnsEachSlotOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := drawGenerator(t)
		source := g.Source()
		var (
			batch Batch
			slot  int64
		)
		for {
			if err := source.Next(t.Context(), &batch, rapid.IntRange(1, 7).Draw(t, "n")); err != nil {
				t.Fatal(err)
			}
			if len(batch.Items) == 0 {
				break
			}
			if batch.Slot != slot {
				t.Fatalf("batch begins at slot %d, want %d", batch.Slot, slot)
			}
			for _, item := range batch.Items {
				if k, _ := g.Slot(slot); item != (Item{Event: g.Event(k), Ref: Ref{Index: k}}) {
					t.Fatalf("slot %d has %+v, want event %d", slot, item, k)
				}
				slot++
			}
		}
		if slot != source.Total() {
			t.Fatalf("%d slots of %d", slot, source.Total())
		}
	})
}
