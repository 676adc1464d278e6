package audit

import "fmt"

// ReportProblem returns what is wrong with a report of duplicates, or an empty text. The
// first two arguments are its counters. inOrder is set if first_seen is not after
// last_seen, and the last two if the topic and the identity of its key are stored.
func ReportProblem(repeats, conflicts int64, inOrder, hasTopic, hasIdentity bool) string {
	switch {
	case !hasTopic:
		return "its topic is unknown"
	case !hasIdentity:
		return "no identity has its key"
	case repeats < 1 || conflicts < 0 || conflicts > repeats:
		return fmt.Sprintf("%d conflicts of %d repeats are not possible", conflicts, repeats)
	case !inOrder:
		return "first_seen is after last_seen"
	default:
		return ""
	}
}
