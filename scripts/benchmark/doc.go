//go:build linux

// Command benchmark measures eventagg against what it replaces and against what
// the machine can do, all in one run. scripts/bench starts it with a private
// PostgreSQL; see there for how to read what it prints.
package main
