// Package disk finds out where a file is stored: the kind of its file system, whether
// that is on the network or in memory, and how much space is free.
package disk
