// Package respond writes every HTTP response of the server: whole bodies, JSON,
// and errors as application/problem+json (RFC 9457). It is internal to eventagg.
//
// Handlers return errors and never write one themselves. The table in problem.go
// decides which error becomes which response.
package respond
