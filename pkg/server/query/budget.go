package query

import (
	"context"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/fair"
	"github.com/eventagg/eventagg/pkg/store"
)

// budgetTimeout is the maximum time that a request waits for other reads; then it gets
// 503 with Retry-After. After the wait, a read of a locked table takes up to a second
// (lock_timeout), so it gets 503 within three seconds.
const budgetTimeout = 1500 * time.Millisecond

// budget limits the concurrent reads of one kind. Reads of many rows can be slow, for
// example if they wait for a lock. Without a limit they take all connections, and /stats,
// /readyz and reads of single events wait for them: ten requests for events of a locked
// table delayed /stats by 14 s. One client can't take all of a budget.
type budget struct{ slots *fair.Slots }

func newBudget(reads int) budget { return budget{fair.NewSlots(max(1, reads))} }

// read calls f for a client when less than the maximum number of reads run.
func (b budget) read(ctx context.Context, client string, f func() error) error {
	waiting, cancel := context.WithTimeout(ctx, budgetTimeout)
	defer cancel()
	switch err := b.slots.Acquire(waiting, client); {
	case ctx.Err() != nil && err != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("wait for other reads of this kind: %w", store.ErrOverloaded)
	}
	defer b.slots.Release(client)
	return f()
}
