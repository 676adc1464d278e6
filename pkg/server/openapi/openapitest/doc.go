// Package openapitest holds the answers of a server to its OpenAPI document. A
// package's tests let every answer pass through [Contract.Handler]. Its TestMain
// runs them by [Contract.Around], which fails the run for each answer that the
// document does not describe to the last field, and for what the document
// promises and no test has seen; or a test asks for [Contract.Faults] itself.
//
// It is stricter than a client may be: members and headers that the document
// does not name are faults here.
package openapitest
