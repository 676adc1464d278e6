// Package metrics measures what a server does: as Prometheus metrics, and as a
// summary line in the log while events arrive. It is internal to this program.
//
//	server.OnRequest, OnEvents ─────┐
//	ingest.OnFlush ─────────────────┼─▶ recorders ─▶ registry ─▶ GET /metrics
//	queue.OnReceived, OnDeadLetter ─┘       │           ▲
//	                                        ▼           └── collectors read health, queue, pools and topics at each scrape
//	                                     summary ─▶ log, every 10 s under load
//
// It is the only package that imports the Prometheus client. The measured
// packages take plain functions in their Options and do not import this package;
// cmd connects them. Recorders run for each request and batch, so they allocate
// nothing and look up no labels. Collectors have a timeout. If a dependency does
// not respond, its metrics are left out instead of reported as 0.
//
// The counters of recorders belong to this instance and start at 0 with it. The
// values that collectors read from the store and the queue are the same on every
// instance, so use their maximum over the instances, not their sum.
package metrics
