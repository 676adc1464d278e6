//go:build linux && !race

package cmd_test

// raceFactor is the factor of memory with the race detector.
const raceFactor = 1
