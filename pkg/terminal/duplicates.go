package terminal

import (
	"io"
	"strings"

	"github.com/eventagg/eventagg/pkg/store"
)

// WriteDuplicates writes a row for each report of duplicates. Texts of events are
// escaped.
func WriteDuplicates(w io.Writer, reports []store.DuplicateReport) error {
	t := Table{
		Heading: []string{"EVENT ID", "TOPIC", "REPEATS", "CONFLICTS", "LAST SEEN", "SOURCES", "DIFFERING"},
		Right:   []int{2, 3}, Width: Width(w),
	}
	for i := range reports {
		r := &reports[i]
		t.Add(Printable(r.ID), Printable(r.Topic), Count(r.Repeats), Count(r.Conflicts), Time(r.LastSeen),
			Printable(strings.Join(r.Sources, ", ")), Printable(strings.Join(r.Differing, ", ")))
	}
	return t.Write(w)
}
