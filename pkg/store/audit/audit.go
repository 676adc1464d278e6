package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Source is a database that can be audited.
type Source interface {
	// Start returns the bound of an audit that begins now. The text is opaque. Rows that
	// are stored later are not part of the audit.
	Start(ctx context.Context) (bound string, err error)
	// Checks returns the checks of the rows up to a bound, in the order in which they
	// run.
	Checks(bound string) ([]Check, error)
	Deliveries
	// Close releases all resources.
	Close() error
}

// Deliveries lists the deliveries of a queue that a store remembers.
type Deliveries interface {
	// Deliveries returns up to limit deliveries in the order of their IDs. They start
	// after the ID after; an empty after is the beginning.
	Deliveries(ctx context.Context, after string, limit int) ([]Delivery, error)
}

// Delivery is a remembered delivery.
type Delivery struct {
	// ID is the text of the ID: hexadecimal digits.
	ID string
	// QueuedAt is when the queue accepted the events, by the queue's clock.
	QueuedAt time.Time
}

// Check is one comparison over all rows of a kind.
type Check struct {
	// Name identifies the check within a Source.
	Name string
	// Title says for people what is compared.
	Title string
	// Total returns about how many rows there are, 0 if it is not known.
	Total func(ctx context.Context) (int64, error)
	// Next checks up to about limit rows after a position, and returns the position to
	// go on from. The text of a position is opaque; the empty text is the beginning.
	Next func(ctx context.Context, after string, limit int) (Page, error)
}

// Page is the result of one call of [Check].Next.
type Page struct {
	// Next is the position for the next call. It is empty after the last page.
	Next string
	// Rows is the number of rows that were checked.
	Rows int64
	// Found are the differences of the page.
	Found []Difference
	// Notes are facts that a reader should know and that are not differences.
	Notes []string
}

// Kind says what is wrong. The texts are part of the JSON output.
type Kind string

// The kinds of differences.
const (
	// IdentityWithoutEvent means that there is no data at the address of an identity.
	IdentityWithoutEvent Kind = "identity without event"
	// EventWithoutIdentity means that no identity has the key: a repeat would be stored.
	EventWithoutIdentity Kind = "event without identity"
	// EventTwice means that the key of an event belongs to another event, too.
	EventTwice Kind = "event stored twice"
	// DigestDiffers means that the content of an event has another digest than its
	// identity: one of the two was changed.
	DigestDiffers Kind = "digest differs"
	// UnknownTopic means that the number of a topic is not in the dictionary.
	UnknownTopic Kind = "unknown topic"
	// CounterDiffers means that a counter is not the number of the rows that it counts.
	CounterDiffers Kind = "counter differs"
	// NumberTwice means that two transactions have the same number.
	NumberTwice Kind = "number used twice"
	// CommitDiffers means that a row of the commit log does not fit its events.
	CommitDiffers Kind = "transaction differs"
	// OrderDiffers means that ticks have a gap, or overlap.
	OrderDiffers Kind = "order differs"
	// PartitionDiffers means that a partition is not attached, or not listed.
	PartitionDiffers Kind = "partition differs"
	// ReportDiffers is about [ReportProblem].
	ReportDiffers Kind = "report of duplicates differs"
	// OrphanDelivery means that no worker will ever forget a delivery.
	OrphanDelivery Kind = "orphan delivery"
	// DeadLetterBroken means that dead letters can't be read, or that their counter differs.
	DeadLetterBroken Kind = "dead letter differs"
)

// Difference is something in a database that contradicts something else in it.
type Difference struct {
	// Check is the name of the check that found it.
	Check string `json:"check"`
	// Kind says what is wrong.
	Kind Kind `json:"kind"`
	// Topic and ID are the key of the event, if the difference is about one.
	Topic string `json:"topic,omitempty"`
	ID    string `json:"event_id,omitempty"`
	// Detail has the two values that contradict each other.
	Detail string `json:"detail"`
}

var errPosition = errors.New("invalid position of an audit")

// Encode returns the text of a position or a bound.
func Encode(value any) string {
	text, _ := json.Marshal(value) //nolint:errchkjson // positions have numbers, times and texts only
	return string(text)
}

// Decode reads the text of a position or a bound. The empty text leaves value unchanged.
func Decode(text string, value any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return fmt.Errorf("%w %q: %w", errPosition, text, err)
	}
	return nil
}
