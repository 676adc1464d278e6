package api

import (
	"encoding/json"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Paths of the HTTP interface.
const (
	PathDashboard  = "/"
	PathPublish    = "/publish"
	PathStats      = "/stats"
	PathTopicStats = "/stats/topics"
	PathSeries     = "/stats/series"
	PathStream     = "/events/stream"
	PathEvents     = "/events" // and /events/{topic}/{event_id}, both escaped
	PathHealthz    = "/healthz"
	PathReadyz     = "/readyz"
	PathHealth     = "/health"
	PathMetrics    = "/metrics"
	PathOpenAPI    = "/openapi.json"
	PathDocs       = "/docs"
)

// Media types.
const (
	TypeJSON        = "application/json"
	TypeLines       = "application/x-ndjson"
	TypeCloudEvent  = "application/cloudevents+json"
	TypeCloudEvents = "application/cloudevents-batch+json"
	TypeProblem     = "application/problem+json"
	TypeStream      = "text/event-stream"
)

// StreamEvent is the kind of message of GET /events/stream that is an event.
const StreamEvent = "event"

// What Problem.Type may be. Two of the named ones tell apart what a client waits
// for, and one that its cursor is of another store; everything else is told by
// its status.
const (
	ProblemBlank       = "about:blank"
	ProblemOverloaded  = "urn:eventagg:problem:overloaded"
	ProblemUnavailable = "urn:eventagg:problem:unavailable"
	ProblemCursor      = "urn:eventagg:problem:cursor"
)

// What a published event is answered.
const (
	StatusSuccess = "success"
	StatusIgnored = "ignored"
	StatusQueued  = "queued"
	StatusInvalid = "invalid" // within a batch
)

// Published answers POST /publish with one event.
type Published struct {
	// Status is "success" where this request stored the event, "ignored"
	// where it was there already, "queued" where a queue holds it.
	Status string `json:"status"`
	// Message says the same in words.
	Message string `json:"message"`
	// Topic and EventID are the event's key.
	Topic   string `json:"topic"`
	EventID string `json:"event_id"`
}

// Batch answers POST /publish with several events. Received is Success plus
// Ignored plus Queued.
type Batch struct {
	// Received counts the events that were taken.
	Received int64 `json:"received"`
	// Success counts those that this request stored, Ignored those that were
	// there already or came earlier in the same batch.
	Success int64 `json:"success"`
	Ignored int64 `json:"ignored"`
	// Queued counts those that a queue holds; it is there only where events
	// were queued.
	Queued int64 `json:"queued,omitempty"`
	// Invalid counts the events that were not taken.
	Invalid int64 `json:"invalid"`
	// Results has one for each event in the order sent; those of invalid
	// events only, each with its place, where the client prefers a minimal
	// answer or the events came as lines.
	Results []Result `json:"results"`
	// ErrorsTruncated says that more lines were invalid than Results has.
	ErrorsTruncated bool `json:"errors_truncated,omitempty"`
}

// Result is what became of one event of a batch.
type Result struct {
	// Index is the event's place in the batch from 0, Line its line from 1,
	// where Results has invalid events only.
	Index *int64 `json:"index,omitempty"`
	Line  *int64 `json:"line,omitempty"`
	// Status is "success", "ignored", "queued" or "invalid".
	Status string `json:"status"`
	// Errors has every fault of an invalid event, and is absent for others.
	Errors []event.FieldError `json:"errors,omitempty"`
}

// Problem is an error answer by RFC 9457, "Problem Details for HTTP APIs".
type Problem struct {
	// Type identifies the kind of problem; "about:blank" says that Title and
	// Status are all there is to know of it.
	Type string `json:"type"`
	// Title is the kind of problem in words.
	Title string `json:"title"`
	// Status is that of the answer, for who sees only the body.
	Status int `json:"status"`
	// Detail tells the reader what is wrong with this request.
	Detail string `json:"detail,omitempty"`
	// Errors has every fault of an invalid event or parameter.
	Errors []event.FieldError `json:"errors,omitempty"`
	// CommittedLines is, where reading lines ended early, how many of them
	// from the first on are dealt with: stored, known before, queued, or
	// invalid.
	CommittedLines *int64 `json:"committed_lines,omitempty"`
}

// Stats answers GET /stats. Received is always Unique plus Duplicates.
type Stats struct {
	// Received counts the events that were stored or recognised, in the whole
	// store and not by this instance alone; so do the next three.
	Received int64 `json:"received"`
	// Stored is the number of stored events.
	Stored int64 `json:"unique_processed"`
	// Duplicates counts the repeats of stored events.
	Duplicates int64 `json:"duplicate_dropped"`
	// Topics is the number of topics that have an event.
	Topics int64 `json:"topics_active"`
	// UptimeSeconds is how long this instance has been running.
	UptimeSeconds float64 `json:"uptime_seconds"`
	// Queued counts the events that a queue holds and that none of the numbers
	// above has; DeadLetters those that can't be stored. Both are absent
	// without a broker, and while it can't be reached.
	Queued      *int64 `json:"queued,omitempty"`
	DeadLetters *int64 `json:"dead_letters,omitempty"`
}

// TopicStats is a row of GET /stats/topics.
type TopicStats struct {
	// Topic is what the row is about.
	Topic string `json:"topic"`
	// Stored is the number of its stored events, Duplicates that of their
	// repeats.
	Stored     int64 `json:"unique_processed"`
	Duplicates int64 `json:"duplicate_dropped"`
	// FirstSeen and LastSeen are when its first and its latest event arrived,
	// repeats included, in UTC.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// Series answers GET /stats/series: the totals of the whole store over the last
// 15 minutes at most, as far as this instance saw them.
type Series struct {
	// IntervalSeconds is how far two points lie apart, about, while the store
	// answers.
	IntervalSeconds float64 `json:"interval_seconds"`
	// Points begin with the oldest.
	Points []Point `json:"points"`
}

// Point is the totals at one moment. Received is always Unique plus Duplicates.
type Point struct {
	// Time is the moment, in UTC.
	Time time.Time `json:"time"`
	// Received, Unique and Duplicates are as in [Stats].
	Received   int64 `json:"received"`
	Stored     int64 `json:"unique_processed"`
	Duplicates int64 `json:"duplicate_dropped"`
}

// Event is a stored event as GET /events shows it. Times are in UTC.
type Event struct {
	// Topic and EventID are the event's key.
	Topic   string `json:"topic"`
	EventID string `json:"event_id"`
	// Timestamp is when it happened, as its sender says.
	Timestamp time.Time `json:"timestamp"`
	// Source is who sent it.
	Source string `json:"source"`
	// Payload is a JSON object, digit by digit as it was stored.
	Payload json.RawMessage `json:"payload"`
	// CreatedAt is when it was stored.
	CreatedAt time.Time `json:"created_at"`
}

// Record is the stored event that is shown. The position is not on the wire; it
// stays zero.
func (e Event) Record() store.Record {
	return store.Record{
		Event: event.Event{
			Topic: e.Topic, ID: e.EventID, Timestamp: e.Timestamp.UTC(), Source: e.Source,
			Payload: string(e.Payload),
		},
		CreatedAt: e.CreatedAt.UTC(),
	}
}

// Health answers GET /healthz and GET /readyz.
type Health struct {
	// Status is "ok", "degraded" where something is missing that is not needed
	// to take events, or "unavailable".
	Status string `json:"status"`
	// Checks has "ok" or a reason for every dependency, by its name.
	Checks map[string]string `json:"checks,omitempty"`
	// Version is the server's, where it has one.
	Version string `json:"version,omitempty"`
}
