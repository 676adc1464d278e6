package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Receive implements [store.Receiver] with one transaction.
func (s *Store) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	return call(ctx, s, "receive deliveries", func() (received store.Received, err error) {
		if len(deliveries) == 0 {
			return store.Received{}, nil
		}
		err = s.transact(ctx, func(t *transaction) (err error) {
			received, err = t.receive(deliveries)
			return err
		})
		return received, err
	})
}

// receive stores the events of the new deliveries.
func (t *transaction) receive(deliveries []store.Delivery) (store.Received, error) {
	remember := t.tx.StmtContext(t.ctx, t.statements.remember)
	defer func() { _ = remember.Close() }()
	var (
		lists    [][]event.Event
		received store.Received
	)
	for _, d := range deliveries {
		added, err := run(t.ctx, remember, d.ID[:], d.QueuedAt.UnixMicro())
		switch {
		case err != nil:
			return store.Received{}, err
		case added == 0:
			received.Redelivered += int64(len(d.Events))
		default:
			lists = append(lists, d.Events)
		}
	}
	events := slices.Concat(lists...)
	if len(events) == 0 {
		return received, nil
	}
	outcomes, err := t.append(events)
	if err != nil {
		return store.Received{}, err
	}
	for _, outcome := range outcomes {
		if outcome == event.Stored {
			received.Stored++
		}
	}
	received.Duplicates = int64(len(outcomes)) - received.Stored
	return received, nil
}

// Known implements [store.Receiver].
func (s *Store) Known(ctx context.Context, ids []store.DeliveryID) ([]bool, error) {
	return call(ctx, s, "look for deliveries", func() ([]bool, error) {
		known := make([]bool, len(ids))
		for i, id := range ids {
			if err := s.read.known.QueryRowContext(ctx, id[:]).Scan(&known[i]); err != nil {
				return nil, err
			}
		}
		return known, nil
	})
}

// Forget implements [store.Receiver].
func (s *Store) Forget(ctx context.Context, queuedBefore time.Time) (int64, error) {
	return call(ctx, s, "forget deliveries", func() (int64, error) {
		return run(ctx, s.append.forget, queuedBefore.UnixMicro())
	})
}
