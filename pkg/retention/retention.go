package retention

import (
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// Ages are the maximum ages. 0 means for ever.
type Ages struct {
	// Data is the maximum age of event data.
	Data time.Duration
	// Identities is the maximum age of identities, at least Data. An event that comes
	// again after that is stored once more.
	Identities time.Duration
}

// At returns what is too old at a moment.
func (a Ages) At(now time.Time) store.Retention {
	var too store.Retention
	if a.Data > 0 {
		too.DataBefore = now.Add(-a.Data)
	}
	if a.Identities > 0 {
		too.IdentitiesBefore = now.Add(-max(a.Identities, a.Data))
	}
	return too
}

// Bounds of [PartitionWidth].
const (
	minWidth = time.Hour
	maxWidth = 7 * 24 * time.Hour
)

// PartitionWidth returns the length of the partitions of a store that drops whole ones.
// They are an eighth of the maximum age, from an hour to a week: data stays for up to that much
// longer than the maximum age.
func PartitionWidth(maxAge time.Duration) time.Duration {
	if maxAge <= 0 {
		return maxWidth
	}
	width := min(max(maxAge/8, minWidth), maxWidth)
	return width.Truncate(time.Hour)
}

// Overdue returns for how long the oldest data could have been dropped, 0 if it is
// young.
func Overdue(held store.Holdings, maxAge time.Duration, now time.Time) time.Duration {
	if maxAge <= 0 || held.Oldest.IsZero() {
		return 0
	}
	end := held.Oldest
	if len(held.Parts) > 1 { // a part is dropped when all of it is old
		for _, part := range held.Parts {
			if part.Events > 0 {
				end = part.Until
				break
			}
		}
	}
	return max(0, now.Sub(end)-maxAge)
}
