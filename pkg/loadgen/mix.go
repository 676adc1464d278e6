package loadgen

// Streams of independent random numbers for the same slot.
const (
	streamPick uint64 = iota + 1
	streamID
	streamBody
)

// golden is 2^64 divided by the golden ratio, the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64. Each bit of the result depends on each bit of
// x, and different x have different results.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// draw returns random number n of a stream. Unlike a generator with state, it works
// in any order and concurrently.
func draw(seed, stream uint64, n int64) uint64 {
	return mix(mix(seed+stream*golden) + (uint64(n)+1)*golden)
}
