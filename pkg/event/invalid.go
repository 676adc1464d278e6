package event

import (
	"slices"
	"strings"
)

// FieldError is one thing that is wrong with one field of an event.
type FieldError struct {
	// Field is the member's name as the sender wrote it ("event_id"), or
	// "body" if the text is not a JSON object.
	Field string `json:"field"`
	// Message continues a sentence that starts with the field: "is required".
	Message string `json:"message"`
}

// InvalidError is the reason why an event is invalid: every field error found.
type InvalidError struct {
	Fields []FieldError
}

// Error lists the field errors, separated by semicolons.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		parts[i] = field.Field + " " + field.Message
	}
	return "invalid event: " + strings.Join(parts, "; ")
}

// FieldErrors collects field errors. The zero value is empty and ready to use.
type FieldErrors []FieldError

// Add adds an error about a field.
func (f *FieldErrors) Add(field, message string) {
	if *f == nil {
		const fields = 5 // of an empty object, the usual event with several errors
		*f = make(FieldErrors, 0, fields)
	}
	*f = append(*f, FieldError{Field: field, Message: message})
}

// AddOnce adds an error unless it is there already. A sender who repeats a
// member thousands of times gets one error for it.
func (f *FieldErrors) AddOnce(field, message string) {
	if !slices.Contains(*f, FieldError{Field: field, Message: message}) {
		f.Add(field, message)
	}
}

// Err returns nil, or an [*InvalidError] with the errors sorted by field.
func (f FieldErrors) Err() error {
	if len(f) == 0 {
		return nil
	}
	order := []string{FieldBody, FieldTopic, FieldID, FieldTimestamp, FieldSource, FieldPayload}
	slices.SortStableFunc(f, func(a, b FieldError) int {
		return slices.Index(order, a.Field) - slices.Index(order, b.Field)
	})
	return &InvalidError{Fields: f}
}
