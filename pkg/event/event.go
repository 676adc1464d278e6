package event

import (
	"strings"
	"time"
)

// Event is one thing that happened, as a service reported it.
//
// Events are values: they can be compared with == and kept without copying. The
// zero Event is invalid. Package codec reads and writes the JSON of an event;
// an Event has no JSON methods of its own.
type Event struct {
	// Topic is the kind of the event, 1 to 255 bytes.
	Topic string
	// ID distinguishes the events of a topic, 1 to 512 bytes. The sender
	// chooses it and uses the same ID again when it retries.
	ID string
	// Timestamp is when the event happened by the sender's clock: UTC, in
	// whole microseconds.
	Timestamp time.Time
	// Source is the service that reported the event, 1 to 255 bytes.
	Source string
	// TimeAssigned means that the sender gave no timestamp, and Timestamp is when the
	// server received the event. So a repeat has another one, which is not a conflict.
	// Stores and queues do not keep it.
	TimeAssigned bool
	// Payload is the text of a JSON object without insignificant white
	// space. It stays text so that every digit of a number survives.
	Payload string
}

// Key is the identity of an event. Events with the same key are the same event
// even if their other fields differ. The first one committed is kept.
type Key struct {
	Topic string
	ID    string
}

// Key returns the identity of e.
func (e Event) Key() Key { return Key{Topic: e.Topic, ID: e.ID} }

// Size returns roughly how many bytes of memory and network e takes. It is the
// unit of all limits in bytes.
func (e Event) Size() int {
	const fixed = 104 // struct, string headers, a slot in a queue
	return fixed + len(e.Topic) + len(e.ID) + len(e.Source) + len(e.Payload)
}

// Compare orders keys bytewise by topic and then by ID: -1, 0 or +1. Stores
// insert in this order, so that two stores with the same keys can't deadlock.
func (k Key) Compare(other Key) int {
	if order := strings.Compare(k.Topic, other.Topic); order != 0 {
		return order
	}
	return strings.Compare(k.ID, other.ID)
}

// Outcome is the result of appending one event.
type Outcome uint8

const (
	// Stored means that this append stored the event; it is committed.
	Stored Outcome = iota + 1
	// Duplicate means that the event was committed before, by another append
	// or earlier in the same one. The repeat is counted and dropped.
	Duplicate
	// Rejected means that the database can never store the event; it was
	// neither stored nor counted. Stores never return it; layers that bisect
	// a batch do, such as package ingest.
	Rejected
	// Queued means that a queue holds the event durably. It will be stored or
	// counted as a duplicate later. Stores never return it; package failover
	// does.
	Queued
	// TopicRefused means that the event would begin a topic, and there are as many
	// topics as allowed; it was neither stored nor counted. Stores never return it;
	// package topiclimit does.
	TopicRefused
	// Conflict is a Duplicate whose content differs from that of the stored event: see
	// package digest. It is counted as a duplicate and as a conflict, and dropped.
	Conflict
	// ConflictRejected is a Conflict whose sender gets an error, because the policy of the
	// topic says so. It is counted as a Conflict. Stores never return it; package publish
	// of the server does.
	ConflictRejected
)

// String returns the outcome as one word, for metrics, logs and tests.
func (o Outcome) String() string {
	switch o {
	case Stored:
		return "stored"
	case Duplicate:
		return "duplicate"
	case Rejected:
		return "rejected"
	case Queued:
		return "queued"
	case TopicRefused:
		return "topic refused"
	case Conflict:
		return "conflict"
	case ConflictRejected:
		return "conflict rejected"
	default:
		return "unknown"
	}
}
