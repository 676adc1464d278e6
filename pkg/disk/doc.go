// Package disk describes the storage of a file: the kind of its file system, whether that
// is on the network or in memory, and the free space. It is internal to eventagg.
package disk
