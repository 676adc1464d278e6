package loadgen

// Bounds of a reservoir: about 16 MiB for the sample, and the recent lines.
const (
	sampleLines = 4096
	sampleBytes = 16 << 20
)

// reservoir keeps lines of a file for repeats: the most recent ones, whose
// repeats race them, and a uniform sample of all earlier ones. The zero
// reservoir is empty.
type reservoir struct {
	seed   uint64
	latest [recent]Item
	seen   int64
	sample []Item
	bytes  int
}

// offer passes line number n, from 0. Every line has the same chance to be in
// the sample (Vitter's algorithm R), unless it is too large for the bytes left.
func (r *reservoir) offer(n int64, item Item) {
	item.Line = 0 // a repeat is not a line of the file
	r.latest[n%recent] = item
	r.seen = n + 1
	size := item.Event.Size()
	if len(r.sample) < sampleLines && r.bytes+size <= sampleBytes {
		r.sample = append(r.sample, item)
		r.bytes += size
		return
	}
	i := draw(r.seed, streamBody, n) % uint64(r.seen)
	if i >= uint64(len(r.sample)) {
		return
	}
	if bytes := r.bytes - r.sample[i].Event.Size() + size; bytes <= sampleBytes {
		r.sample[i] = item
		r.bytes = bytes
	}
}

// pick chooses the line that a slot repeats: half of the time one of the most
// recent, otherwise one of the sample. At least one line must have been offered.
func (r *reservoir) pick(slot int64) Item {
	choice := draw(r.seed, streamPick, slot)
	if len(r.sample) > 0 && choice&1 == 1 {
		return r.sample[(choice>>1)%uint64(len(r.sample))]
	}
	return r.latest[(choice>>1)%uint64(min(r.seen, recent))]
}
