// Package tracing sends OpenTelemetry traces if the standard environment
// variables ask for it. It is internal to this program. Each request has a span,
// and so has each group commit, with links to the requests whose events it holds.
// Below the group commit is a span of its transaction.
//
//	POST /publish ◀┄┄┄link┄┄┄ group commit ──▶ append
//
// It is the only package that imports the SDK. The server and the group commit
// import only the API, and make spans only if they have a tracer. Without the
// variables tracing has no cost.
package tracing
