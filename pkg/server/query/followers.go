package query

import (
	"sync"

	"github.com/eventagg/eventagg/pkg/fair"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// followers limits the number of event streams of each client.
type followers struct {
	limit int // of a client

	mu     sync.Mutex
	shares *fair.Shares
}

func newFollowers(limit int) *followers {
	return &followers{limit: limit, shares: fair.NewShares(0)}
}

// enter adds a stream of a client, or returns an error that becomes a 429. The caller
// must call leave.
func (f *followers) enter(client string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shares.Held(client) >= int64(f.limit) {
		return &respond.FollowersError{Limit: f.limit}
	}
	f.shares.Take(client, 1)
	return nil
}

func (f *followers) leave(client string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shares.Take(client, -1)
}
