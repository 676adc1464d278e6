// Package policy decides by topic what happens to duplicates, in addition to counting them.
package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventagg/eventagg/pkg/auth"
)

// Policy is what happens to the duplicates of a topic, in addition to counting them.
type Policy uint8

const (
	// Report reports duplicates. It is the default.
	Report Policy = iota
	// Ignore does not report duplicates.
	Ignore
	// Reject reports duplicates, and the sender of a conflict gets an error.
	Reject
)

// rule is a policy for the topics that match a pattern.
type rule struct {
	pattern string
	policy  Policy
}

// Policies are the policies of topics. The zero value reports all duplicates.
type Policies []rule

// Errors of [Parse].
var (
	errPolicy  = errors.New("expected PATTERN=ignore, PATTERN=report or PATTERN=reject")
	errPattern = errors.New("a pattern has 1 to 255 bytes")
)

// maxPatternBytes is the maximum length of a pattern: that of a topic.
const maxPatternBytes = 255

// Parse parses texts of the form PATTERN=POLICY, such as "orders.*=reject". In a
// pattern * stands for any text, also an empty one. The first pattern that matches a topic
// counts.
func Parse(texts []string) (Policies, error) {
	var policies Policies
	for _, text := range texts {
		at := strings.LastIndexByte(text, '=')
		if at < 0 {
			return nil, fmt.Errorf("invalid policy %q: %w", text, errPolicy)
		}
		r := rule{pattern: strings.TrimSpace(text[:at])}
		switch strings.TrimSpace(text[at+1:]) {
		case "report":
			r.policy = Report
		case "ignore":
			r.policy = Ignore
		case "reject":
			r.policy = Reject
		default:
			return nil, fmt.Errorf("invalid policy %q: %w", text, errPolicy)
		}
		if r.pattern == "" || len(r.pattern) > maxPatternBytes {
			return nil, fmt.Errorf("invalid policy %q: %w", text, errPattern)
		}
		policies = append(policies, r)
	}
	return policies, nil
}

// Of returns the policy of a topic.
func (p Policies) Of(topic string) Policy {
	for _, r := range p {
		if auth.MatchTopic(r.pattern, topic) {
			return r.policy
		}
	}
	return Report
}

// Ignored reports whether duplicates of a topic are not reported.
func (p Policies) Ignored(topic string) bool { return p.Of(topic) == Ignore }

// Rejected reports whether the sender of a conflict gets an error.
func (p Policies) Rejected(topic string) bool { return p.Of(topic) == Reject }
