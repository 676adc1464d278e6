package loadgen

import "github.com/eventagg/eventagg/pkg/event"

// Bounds of a reservoir: about 16 MiB for the sample, and the recent lines.
const (
	sampleLines = 4096
	sampleBytes = 16 << 20
)

// kept is a line that may be repeated.
type kept struct {
	event event.Event
	mark  Ref
}

// reservoir keeps some of the lines of a file for repeating: the most recent
// ones, whose repeats race them, and a fair sample of all earlier ones. The
// zero reservoir is empty.
type reservoir struct {
	seed   uint64
	latest [recent]kept
	seen   int64
	sample []kept
	bytes  int
}

// offer shows the reservoir line number n, from 0. Every line has the same
// chance to be in the sample (Vitter's algorithm R), unless it is too large
// for what is left of the bytes.
func (r *reservoir) offer(n int64, e event.Event, mark Ref) {
	line := kept{event: e, mark: mark}
	r.latest[n%recent] = line
	r.seen = n + 1
	if len(r.sample) < sampleLines && r.bytes+e.Size() <= sampleBytes {
		r.sample = append(r.sample, line)
		r.bytes += e.Size()
		return
	}
	place := draw(r.seed, streamBody, n) % uint64(r.seen)
	if place >= uint64(len(r.sample)) {
		return
	}
	if bytes := r.bytes - r.sample[place].event.Size() + e.Size(); bytes <= sampleBytes {
		r.sample[place] = line
		r.bytes = bytes
	}
}

// pick chooses the line that a slot repeats: as often one of the most recent
// as one of the sample. At least one line must have been offered.
func (r *reservoir) pick(slot int64) (event.Event, Ref) {
	choice := draw(r.seed, streamPick, slot)
	if len(r.sample) > 0 && choice&1 == 1 {
		line := r.sample[(choice>>1)%uint64(len(r.sample))]
		return line.event, line.mark
	}
	line := r.latest[(choice>>1)%uint64(min(r.seen, recent))]
	return line.event, line.mark
}
