package event_test

import (
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

func ExampleEvent_Validate() {
	e := event.Event{
		Topic: "login", ID: "1", Source: "web-1", Payload: `{"user": 7}`,
		Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC),
	}
	fmt.Println(e.Validate())
	e.Payload = `{"user":7}`
	fmt.Println(e.Validate())
	// Output:
	// invalid event: payload must have no white space between its tokens
	// <nil>
}

func ExampleTally() {
	var total event.Tally
	for _, outcome := range []event.Outcome{event.Stored, event.Duplicate, event.Stored} {
		total.Count(outcome)
	}
	fmt.Println(total.Stored, "stored,", total.Duplicate, "duplicate,", total.Accepted(), "accepted")
	// Output: 2 stored, 1 duplicate, 3 accepted
}
