package loadgen

// The streams that keep the random numbers of one slot apart from each other.
const (
	streamPick uint64 = iota + 1
	streamID
	streamBody
)

// golden is 2^64 divided by the golden ratio, the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64: every bit of the answer depends on every
// bit of x, and different x have different answers.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// draw is the random number of one stream at one place. Unlike a generator
// with a state, it can be asked in any order and by any number of workers.
func draw(seed, stream uint64, place int64) uint64 {
	return mix(mix(seed+stream*golden) + (uint64(place)+1)*golden)
}
