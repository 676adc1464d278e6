package auth

import "strings"

// wildcard stands for any text in patterns.
const wildcard = "*"

// MatchTopic reports whether a topic matches a pattern, in which * stands for any text,
// even an empty one.
func MatchTopic(pattern, topic string) bool {
	first, rest, wild := strings.Cut(pattern, wildcard)
	if !wild {
		return pattern == topic
	}
	topic, found := strings.CutPrefix(topic, first)
	if !found {
		return false
	}
	for {
		part, next, more := strings.Cut(rest, wildcard)
		if !more {
			return strings.HasSuffix(topic, part)
		}
		// The first occurrence leaves the most for the parts that follow.
		at := strings.Index(topic, part)
		if at < 0 {
			return false
		}
		topic, rest = topic[at+len(part):], next
	}
}
