// Package failover is a circuit breaker and a fallback for appenders. It is
// internal to eventagg.
//
//	          ┌─▶ CircuitBreaker ─▶ database
//	Fallback ─┤
//	          └─▶ CircuitBreaker ─▶ queue
//
// A [CircuitBreaker] rejects appends at once while health checks or appends show
// that its server is unavailable. A [Fallback] appends to its first appender, and
// to the second one only if the first has certainly stored nothing. Both know only
// [store.Appender].
package failover
