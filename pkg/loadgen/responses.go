package loadgen

import (
	"strconv"
	"sync/atomic"
)

// NoResponse is the status of a request without a response.
const NoResponse = 0

const statuses = 600

// Responses counts the responses of a server by their HTTP status. Requests that are
// retried count each time. The zero Responses are empty. All methods may be called
// concurrently.
type Responses struct {
	counts [statuses]atomic.Int64
}

// Count counts a response with that status, or [NoResponse].
func (r *Responses) Count(status int) {
	if 0 <= status && status < statuses {
		r.counts[status].Add(1)
	}
}

// StatusCount is the number of responses with one HTTP status.
type StatusCount struct {
	// Status is the HTTP status, or [NoResponse].
	Status int
	// Requests is the number of requests.
	Requests int64
}

// name returns the status as text.
func (c StatusCount) name() string {
	if c.Status == NoResponse {
		return "none"
	}
	return strconv.Itoa(c.Status)
}

// Counts returns the counts that are not 0, by status; requests without a response are
// last. The Counts of nil are empty.
func (r *Responses) Counts() []StatusCount {
	if r == nil {
		return nil
	}
	var all []StatusCount
	for i := range statuses {
		status := (i + 1) % statuses
		if n := r.counts[status].Load(); n > 0 {
			all = append(all, StatusCount{status, n})
		}
	}
	return all
}
