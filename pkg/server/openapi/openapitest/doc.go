// Package openapitest compares the responses of a server with its OpenAPI
// document. It is internal and for tests only.
//
// Tests send requests through [Contract.Handler], which checks every response.
// TestMain runs the tests with [Contract.Around]. It fails the run if a response
// violates the document, or if no test received a documented status or example.
// A single test can read [Contract.Violations] instead.
//
// The check is stricter than a client should be: a member or header that the
// document does not name is a violation.
package openapitest
