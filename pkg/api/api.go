package api

import (
	"encoding/json"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Paths of the HTTP interface.
const (
	PathDashboard   = "/"
	PathPublish     = "/publish"
	PathStats       = "/stats"
	PathTopicStats  = "/stats/topics"
	PathSeries      = "/stats/series"
	PathStream      = "/events/stream"
	PathDuplicates  = "/duplicates"
	PathEvents      = "/events" // and /events/{topic}/{event_id}, both escaped
	PathSession     = "/session"
	PathHealthz     = "/healthz"
	PathReadyz      = "/readyz"
	PathHealth      = "/health"
	PathLivez       = "/livez"        // the same as /healthz
	PathHealthLive  = "/health/live"  // the same as /healthz
	PathReady       = "/ready"        // the same as /readyz
	PathHealthReady = "/health/ready" // the same as /readyz
	PathMetrics     = "/metrics"
	PathOpenAPI     = "/openapi.json"
	PathDocs        = "/docs"
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

// StreamEvent is the type of the messages of GET /events/stream that carry an
// event.
const StreamEvent = "event"

// The values of Problem.Type. The first two URNs distinguish the two reasons of
// a 503. Two more are about cursors. For everything else the status is sufficient.
const (
	ProblemBlank       = "about:blank"
	ProblemOverloaded  = "urn:eventagg:problem:overloaded"
	ProblemUnavailable = "urn:eventagg:problem:unavailable"
	// ProblemUnauthenticated is a request without a valid key, ProblemForbidden one
	// whose key may not do what it asks for.
	ProblemUnauthenticated = "urn:eventagg:problem:unauthenticated"
	ProblemForbidden       = "urn:eventagg:problem:forbidden"
	// ProblemCursor is a cursor that belongs to other data. ProblemDropped is a cursor,
	// or an event, whose data retention has dropped.
	ProblemCursor  = "urn:eventagg:problem:cursor"
	ProblemDropped = "urn:eventagg:problem:dropped"
	// ProblemConflict is an event that differs from the stored event with its key, if
	// the policy of the topic rejects conflicts.
	ProblemConflict = "urn:eventagg:problem:conflict"
	// ProblemQuota is registered at IANA (draft-ietf-httpapi-ratelimit-headers).
	ProblemQuota = "https://iana.org/assignments/http-problem-types#quota-exceeded"
)

// The status of a published event.
const (
	StatusSuccess = "success"
	StatusIgnored = "ignored"
	StatusQueued  = "queued"
	StatusInvalid = "invalid" // within a batch
	// StatusSkipped is a valid event of a batch that was not stored, because another
	// one is invalid and the client prefers handling=strict.
	StatusSkipped = "skipped"
)

// Published is the response to POST /publish with one event.
type Published struct {
	// Status is "success" if this request stored the event, "ignored" if the
	// event is a duplicate, and "queued" if a queue holds it.
	Status string `json:"status"`
	// Message describes the status for people.
	Message string `json:"message"`
	// Topic and EventID are the event's key.
	Topic   string `json:"topic"`
	EventID string `json:"event_id"`
	// Conflict is set if the event is a duplicate whose content differs from that of
	// the stored event.
	Conflict bool `json:"conflict,omitempty"`
	// Stored is set for a duplicate if the client prefers return=representation and may
	// read events.
	Stored *Receipt `json:"stored,omitempty"`
}

// Receipt describes the stored event of a duplicate.
type Receipt struct {
	// CreatedAt is the time at which it was stored, in UTC.
	CreatedAt time.Time `json:"created_at"`
	// Source is its source.
	Source string `json:"source"`
	// Cursor is its position: GET /events/stream?cursor= continues after it.
	Cursor string `json:"cursor"`
}

// Batch is the response to POST /publish with several events. Received is
// Success plus Ignored plus Queued.
type Batch struct {
	// Received counts the events that were accepted.
	Received int64 `json:"received"`
	// Success counts the events that this request stored. Ignored counts the
	// duplicates of stored events and of earlier ones in the batch.
	Success int64 `json:"success"`
	Ignored int64 `json:"ignored"`
	// Queued counts the events that a queue holds. It is absent if there are
	// none.
	Queued int64 `json:"queued,omitempty"`
	// Invalid counts the events that were not accepted.
	Invalid int64 `json:"invalid"`
	// Results has one result per event in the order sent. If the client prefers
	// a minimal response or sent NDJSON, it has the invalid events only, each
	// with its index or line.
	Results []Result `json:"results"`
	// ErrorsTruncated means that more than 100 events were invalid. Results then has
	// the errors of the first 100. Further events of an array are there without
	// errors; further lines of NDJSON are not there.
	ErrorsTruncated bool `json:"errors_truncated,omitempty"`
}

// Result is the result of one event of a batch.
type Result struct {
	// Index is the event's index in the batch, from 0. Line is its line number,
	// from 1. They are set if Results has invalid events only.
	Index *int64 `json:"index,omitempty"`
	Line  *int64 `json:"line,omitempty"`
	// Status is "success", "ignored", "queued", "invalid" or "skipped".
	Status string `json:"status"`
	// Conflict is as in [Published].
	Conflict bool `json:"conflict,omitempty"`
	// Errors has every field error of an invalid event. See Batch.ErrorsTruncated.
	Errors []event.FieldError `json:"errors,omitempty"`
}

// Problem is an error response as in RFC 9457, "Problem Details for HTTP APIs".
type Problem struct {
	// Type identifies the kind of problem. "about:blank" means that the status
	// describes it completely.
	Type string `json:"type"`
	// Title describes the kind of problem for people.
	Title string `json:"title"`
	// Status is the HTTP status, for a reader that has only the body.
	Status int `json:"status"`
	// Detail describes what is wrong with this request.
	Detail string `json:"detail,omitempty"`
	// Errors has every field error of an invalid event or parameter.
	Errors []event.FieldError `json:"errors,omitempty"`
	// CommittedLines is set if reading NDJSON ended early: the number of lines
	// from the start that have a result (stored, duplicate, queued or invalid).
	CommittedLines *int64 `json:"committed_lines,omitempty"`
	// SentDigest and StoredDigest are set if Type is ProblemConflict: the first 128 bits of
	// a hash of the content that was sent, and of the stored one, in hexadecimal.
	// StoredDigest is absent if the stored event can't be read at the moment.
	SentDigest   string `json:"sent_digest,omitempty"`
	StoredDigest string `json:"stored_digest,omitempty"`
	// Cursor is set if Type is ProblemDropped and the request had a cursor: the cursor
	// to go on from.
	Cursor string `json:"cursor,omitempty"`
	// ViolatedPolicies names the limits that the client exceeded, if Type is
	// ProblemQuota: "events", "bytes", "followers".
	ViolatedPolicies []string `json:"violated-policies,omitempty"`
}

// Stats is the response to GET /stats. Received is always Stored plus Duplicates.
type Stats struct {
	// Received counts the events that were stored or dropped as duplicates. It
	// and the next three are totals of the whole store, not of this instance.
	Received int64 `json:"received"`
	// Stored is the number of events that were ever stored.
	Stored int64 `json:"unique_processed"`
	// Duplicates counts the repeats of stored events.
	Duplicates int64 `json:"duplicate_dropped"`
	// Conflicts counts those of Duplicates whose content differs from the stored event.
	Conflicts int64 `json:"conflicts"`
	// Kept is the number of stored events whose data is there: retention has not
	// dropped it.
	Kept int64 `json:"stored_events"`
	// Topics is the number of topics with at least one stored event.
	Topics int64 `json:"topics_active"`
	// UptimeSeconds is how long this instance has been running.
	UptimeSeconds float64 `json:"uptime_seconds"`
	// Queued counts the events that a queue holds; they are not part of the
	// numbers above. DeadLetters counts events that can't be stored. Both are
	// absent without a queue, and while the queue is unavailable.
	Queued      *int64 `json:"queued,omitempty"`
	DeadLetters *int64 `json:"dead_letters,omitempty"`
}

// Login is the body of POST /session.
type Login struct {
	// Key is the API key.
	Key string `json:"key"`
}

// Session is the response of GET /session.
type Session struct {
	// Required is set if the server has API keys.
	Required bool `json:"required"`
	// Key is the ID of the sender's key, "" without one. It is not secret.
	Key string `json:"key,omitempty"`
	// Scopes are what the sender may do with the cookie of a login, and without a key.
	Scopes []string `json:"scopes"`
	// Topics are the patterns of the topics that the key may use, nil for all.
	Topics []string `json:"topics,omitempty"`
}

// TopicStats is a row of GET /stats/topics.
type TopicStats struct {
	// Topic is the topic of the row.
	Topic string `json:"topic"`
	// Stored is the number of its stored events, Duplicates the number of
	// their repeats, and Conflicts the number of those with another content.
	Stored     int64 `json:"unique_processed"`
	Duplicates int64 `json:"duplicate_dropped"`
	Conflicts  int64 `json:"conflicts"`
	// FirstSeen and LastSeen are when its first and its latest event arrived,
	// including repeats, in UTC.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// Duplicate is a report of GET /duplicates: a key that was repeated.
type Duplicate struct {
	// Topic and EventID are the key.
	Topic   string `json:"topic"`
	EventID string `json:"event_id"`
	// Repeats counts the duplicates with this key since the report exists, Conflicts
	// those of them whose content differs from the stored event.
	Repeats   int64 `json:"repeats"`
	Conflicts int64 `json:"conflicts"`
	// FirstSeen and LastSeen are when the first and the latest of them arrived, in UTC.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// Sources are the sources of the duplicates, at most 8.
	Sources []string `json:"sources"`
	// Differing names the members in which conflicts differ from the stored event:
	// "timestamp", "source", "payload.NAME". At most 16.
	Differing []string `json:"differing,omitempty"`
}

// NewDuplicate returns the row of a report.
func NewDuplicate(r *store.DuplicateReport) Duplicate {
	return Duplicate{
		Topic: r.Topic, EventID: r.ID, Repeats: r.Repeats, Conflicts: r.Conflicts,
		FirstSeen: r.FirstSeen.UTC(), LastSeen: r.LastSeen.UTC(), Sources: append([]string{}, r.Sources...), Differing: r.Differing,
	}
}

// Report returns the report of the row.
func (d Duplicate) Report() store.DuplicateReport {
	return store.DuplicateReport{
		Key: event.Key{Topic: d.Topic, ID: d.EventID}, Repeats: d.Repeats, Conflicts: d.Conflicts,
		FirstSeen: d.FirstSeen.UTC(), LastSeen: d.LastSeen.UTC(), Sources: d.Sources, Differing: d.Differing,
	}
}

// Series is the response to GET /stats/series: the totals of the whole store, as
// this instance sampled them during at most the last 15 minutes.
type Series struct {
	// IntervalSeconds is the approximate interval between two points while the
	// store is available.
	IntervalSeconds float64 `json:"interval_seconds"`
	// Points are sorted by time, oldest first.
	Points []Point `json:"points"`
}

// Point has the totals at one moment. Received is always Stored plus Duplicates.
type Point struct {
	// Time is the moment, in UTC.
	Time time.Time `json:"time"`
	// Received, Stored and Duplicates are as in [Stats].
	Received   int64 `json:"received"`
	Stored     int64 `json:"unique_processed"`
	Duplicates int64 `json:"duplicate_dropped"`
}

// Event is a stored event in the response to GET /events. Times are in UTC.
type Event struct {
	// Topic and EventID are the event's key.
	Topic   string `json:"topic"`
	EventID string `json:"event_id"`
	// Timestamp is when it happened by the sender's clock.
	Timestamp time.Time `json:"timestamp"`
	// Source is the service that reported it.
	Source string `json:"source"`
	// Payload is a JSON object with every digit as it was stored.
	Payload json.RawMessage `json:"payload"`
	// CreatedAt is when it was stored.
	CreatedAt time.Time `json:"created_at"`
}

// Record returns the stored event. Its position is zero because responses do not
// contain it.
func (e Event) Record() store.Record {
	return store.Record{
		Event: event.Event{
			Topic: e.Topic, ID: e.EventID, Timestamp: e.Timestamp.UTC(), Source: e.Source,
			Payload: string(e.Payload),
		},
		CreatedAt: e.CreatedAt.UTC(),
	}
}

// Health is the response to GET /healthz and GET /readyz.
type Health struct {
	// Status is "ok", "unavailable", or "degraded" if a dependency is
	// unavailable that is not needed to accept events.
	Status string `json:"status"`
	// Checks maps the name of each dependency to "ok" or the reason.
	Checks map[string]string `json:"checks,omitempty"`
	// Version is the version of the server, if it is known.
	Version string `json:"version,omitempty"`
}
