// Package memory bounds the memory that the requests of a server take together. It
// is internal to eventagg.
package memory
