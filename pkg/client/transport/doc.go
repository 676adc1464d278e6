// Package transport sends the HTTP requests of package client over pooled
// connections: one request at a time on each, by the goroutine that calls. It
// is internal to eventagg.
//
//	Pool.Do ─▶ take an idle connection or dial   pool.go
//	        ─▶ write the request                 conn.go
//	        ─▶ read the response                 response.go
//
// A load generator must be much cheaper than the server that it measures.
// net/http spends two thirds of what a small request costs on goroutines,
// channels and maps, which are not needed if the requests of a connection
// follow one another. So this package supports only that case.
package transport
