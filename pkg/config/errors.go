package config

import "strings"

// Problem is one problem of a configuration.
type Problem struct {
	// Key is the dotted key, or the name of the file if the whole file can't be
	// read.
	Key string
	// Message follows the key and a colon: "must be text".
	Message string
}

// Error has all problems of a configuration.
type Error struct {
	Problems []Problem
}

// Error returns one line for a single problem. For more it returns a heading and a
// line for each.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "invalid configuration: " + e.Problems[0].Key + ": " + e.Problems[0].Message
	}
	var text strings.Builder
	text.WriteString("invalid configuration:")
	for _, problem := range e.Problems {
		text.WriteString("\n  " + problem.Key + ": " + problem.Message)
	}
	return text.String()
}

// newError returns nil if there are no problems.
func newError(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &Error{Problems: problems}
}
