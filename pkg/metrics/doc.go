// Package metrics counts what a server does, in Prometheus' form, and writes a
// line about it into the log while there is something to count.
//
//	server.OnRequest, OnEvents ─┐
//	ingest.OnFlush ─────────────┼─▶ recorders ─▶ registry ─▶ GET /metrics
//	queue.OnReceived, OnBuried ┘       │           ▲
//	                                    ▼           └── collectors ask health, queue, pools and topics at each scrape
//	                                 summary ─▶ log, every 10 s under load
//
// It is the only package that knows Prometheus. The packages that are counted
// have plain functions in their Options and know nothing of this one; cmd joins
// them. Recorders are called for each request and batch: they allocate nothing
// and look no label up. What collectors ask is bounded in time, and where there is
// no answer a metric is left out rather than made up.
//
// Counters of recorders are this instance's, since it started; what is asked of
// store and queue is the same on every instance that shares them, so that one
// takes the maximum over instances and not the sum.
package metrics
