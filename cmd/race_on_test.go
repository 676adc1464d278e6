//go:build linux && race

package cmd_test

// raceFactor is the factor of memory with the race detector: 275 to 340 MiB were
// measured, and 92 to 126 MiB without it.
const raceFactor = 3
