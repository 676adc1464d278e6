package store

import (
	"context"

	"github.com/eventagg/eventagg/pkg/event"
)

// NotifyOnCommit returns next and a channel that receives a value after events
// were committed through it. The channel holds at most one value, however many
// commits there were since the last receive, so a commit never waits for a reader.
func NotifyOnCommit(next Store) (Store, <-chan struct{}) {
	committed := make(chan struct{}, 1)
	return notifying{Store: next, committed: committed}, committed
}

type notifying struct {
	Store

	committed chan struct{}
}

// Append implements [Appender].
func (n notifying) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := n.Store.Append(ctx, events)
	n.notify(err)
	return outcomes, err
}

// Receive implements [Receiver].
func (n notifying) Receive(ctx context.Context, deliveries []Delivery) (Received, error) {
	received, err := n.Store.Receive(ctx, deliveries)
	n.notify(err)
	return received, err
}

func (n notifying) notify(err error) {
	if err != nil {
		return
	}
	select {
	case n.committed <- struct{}{}:
	default: // the last value is still unread
	}
}
