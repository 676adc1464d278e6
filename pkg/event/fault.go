package event

import (
	"slices"
	"strings"
)

// Fault is one thing wrong with one field of an event.
type Fault struct {
	// Field is the member's name as the sender wrote it ("event_id"), or
	// "body" where the bytes are no JSON object at all.
	Field string `json:"field"`
	// Message is a sentence part that follows the field's name: "is required".
	Message string `json:"message"`
}

// InvalidError says why an event can't be accepted, with every fault found.
type InvalidError struct {
	Faults []Fault
}

// Error lists the faults, separated by semicolons.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, fault := range e.Faults {
		parts[i] = fault.Field + " " + fault.Message
	}
	return "invalid event: " + strings.Join(parts, "; ")
}

// faults gathers what is wrong with an event; the zero value is ready.
type faults []Fault

func (f *faults) add(field, message string) {
	*f = append(*f, Fault{Field: field, Message: message})
}

// once adds a fault that is not there yet: a sender who repeats a member
// thousands of times must not get as many faults for it.
func (f *faults) once(field, message string) {
	if !slices.Contains(*f, Fault{Field: field, Message: message}) {
		f.add(field, message)
	}
}

// err returns the faults in the order of the fields, whatever the order in which
// they were found.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	order := []string{fieldBody, fieldTopic, fieldID, fieldTimestamp, fieldSource, fieldPayload}
	slices.SortStableFunc(f, func(a, b Fault) int {
		return slices.Index(order, a.Field) - slices.Index(order, b.Field)
	})
	return &InvalidError{Faults: f}
}
