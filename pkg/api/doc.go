// Package api is the wire: the paths, JSON shapes and headers that package
// server answers with and package client reads. It has no behaviour beyond
// turning the program's own types into these and back.
package api
