package query

import (
	"context"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// budgetTimeout is the maximum time that a request waits for its kind's budget. The
// response is then 503 with Retry-After.
const budgetTimeout = 2 * time.Second

// budget limits the concurrent reads of one kind. Reads of many rows can be slow,
// for example if they wait for a lock. Without a limit they take all connections,
// and /stats, /readyz and reads of single events wait for them: ten requests for
// events beside a locked table delayed /stats by 14 s.
type budget chan struct{}

func newBudget(reads int) budget { return make(budget, max(1, reads)) }

// read calls f when less than the maximum number of reads run.
func (b budget) read(ctx context.Context, f func() error) error {
	timer := time.NewTimer(budgetTimeout)
	defer timer.Stop()
	select {
	case b <- struct{}{}:
	case <-timer.C:
		return fmt.Errorf("wait for other reads of this kind: %w", store.ErrOverloaded)
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b }()
	return f()
}
