// Package query handles the requests that read: totals, topics, events, and the
// live stream. It is internal to eventagg.
//
//	GET /stats, /stats/topics, /stats/series   stats.go, series.go
//	GET /duplicates                            duplicates.go
//	GET /events, /events/{topic}/{event_id}    events.go, event.go, params.go
//	GET /events/stream                         stream.go ─▶ follow
package query
