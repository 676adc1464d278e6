package feed

import (
	"context"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Announce returns the store with a channel that has a value after events were
// committed through it: one for however many commits since it was last received
// from, so that no commit ever waits for a reader.
func Announce(next store.Store) (store.Store, <-chan struct{}) {
	committed := make(chan struct{}, 1)
	return announcing{Store: next, committed: committed}, committed
}

type announcing struct {
	store.Store

	committed chan struct{}
}

// Append implements [store.Appender].
func (a announcing) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := a.Store.Append(ctx, events)
	a.tell(err)
	return outcomes, err
}

// Receive implements [store.Receiver].
func (a announcing) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	received, err := a.Store.Receive(ctx, deliveries)
	a.tell(err)
	return received, err
}

func (a announcing) tell(err error) {
	if err != nil {
		return
	}
	select {
	case a.committed <- struct{}{}:
	default: // there is one that nobody has received yet
	}
}
