// Package tracing sends OpenTelemetry traces where the standard variables ask for
// it, and costs nothing where they don't: a span for each request, one for each
// group commit with links to the requests whose events it holds, and one below
// that for the transaction.
//
//	POST /publish ◀┄┄┄link┄┄┄ group commit ──▶ append
//
// It is the only package that imports the SDK. The server and the group commit
// know the API alone, and make spans only where they have a tracer.
package tracing
