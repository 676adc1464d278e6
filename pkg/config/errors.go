package config

import "strings"

// Fault is one thing wrong with the configuration.
type Fault struct {
	// Key is the dotted key, or the file's name where the file as a whole
	// can't be read.
	Key string
	// Message is a sentence part that follows the key: "must be text".
	Message string
}

// Error has all faults of a configuration, in the order of the settings.
type Error struct {
	Faults []Fault
}

// Error returns one line for a single fault, and a heading with one line per
// fault for more.
func (e *Error) Error() string {
	if len(e.Faults) == 1 {
		return "configuration: " + e.Faults[0].Key + ": " + e.Faults[0].Message
	}
	var text strings.Builder
	text.WriteString("configuration:")
	for _, fault := range e.Faults {
		text.WriteString("\n  " + fault.Key + ": " + fault.Message)
	}
	return text.String()
}

// newError returns nil where there are no faults.
func newError(faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	return &Error{Faults: faults}
}
