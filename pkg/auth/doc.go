// Package auth decides who may do what: API keys, their scopes, and the identity of the
// client of a request.
package auth
