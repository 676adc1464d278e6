package store

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// Limits of a [DuplicateReport].
const (
	// MaxReportSources is the maximum number of sources in a report.
	MaxReportSources = 8
	// MaxReportMembers is the maximum number of differing members in a report.
	MaxReportMembers = 16
)

// DuplicateReport says which key was repeated, how often, when and by which sources.
type DuplicateReport struct {
	event.Key

	// Repeats counts the duplicates with this key since the report exists, Conflicts
	// those of them whose content differs from the stored event.
	Repeats   int64
	Conflicts int64
	// FirstSeen and LastSeen are when the first and the latest of them arrived, by the
	// store's clock, in whole microseconds.
	FirstSeen time.Time
	LastSeen  time.Time
	// Sources are the sources of the duplicates, at most MaxReportSources.
	Sources []string
	// Differing names the members in which a conflict differs from the stored event: see
	// digest.Differing. At most MaxReportMembers. It is empty if the data of the stored
	// event was dropped.
	Differing []string
}

// DuplicateQuery selects rows of [DuplicateReader.Duplicates]. The zero value selects
// all.
type DuplicateQuery struct {
	// Topic selects the reports of this topic only, unless it is empty.
	Topic string
	// Conflicts selects the reports with at least one conflict.
	Conflicts bool
	// After continues after this row of an earlier result. Only Key and LastSeen are
	// used. The zero value starts with the first row.
	After DuplicateReport
	// Limit is the maximum number of rows, 0 for no limit.
	Limit int
}

// DuplicateReader reads the reports of repeated keys.
//
// A store gathers reports in memory and writes them about a second after the append, so
// that neither new events nor duplicates wait for them. Reports are therefore best
// effort: a crash loses those of the last second, and under a flood of duplicates some
// keys are not reported. The counters of [StatsReader] are exact whatever happens to
// reports.
//
// The number of reports is bounded: for each topic the newest ones without a conflict,
// and the newest ones with a conflict, so that retries do not displace conflicts. The
// total over all topics is bounded, too. A report that was dropped begins again with the
// next duplicate of its key.
type DuplicateReader interface {
	// Duplicates returns the selected reports, the one with the latest duplicate first.
	// It writes what this store has gathered before it reads. A report that changes
	// between two pages moves to the front, so a reader may miss it.
	Duplicates(ctx context.Context, query DuplicateQuery) ([]DuplicateReport, error)
}
