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
	const attempted = "receive deliveries"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return store.Received{}, err
	}
	defer leave()
	if len(deliveries) == 0 {
		return store.Received{}, nil
	}
	var received store.Received
	err = s.transact(ctx, func(t *transaction) (err error) {
		received, err = t.receive(deliveries)
		return err
	})
	if err != nil {
		return store.Received{}, translate(ctx, err, attempted)
	}
	return received, nil
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
	const attempted = "look for deliveries"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return nil, err
	}
	defer leave()
	known := make([]bool, len(ids))
	for i, id := range ids {
		if err := s.read.known.QueryRowContext(ctx, id[:]).Scan(&known[i]); err != nil {
			return nil, translate(ctx, err, attempted)
		}
	}
	return known, nil
}

// Forget implements [store.Receiver].
func (s *Store) Forget(ctx context.Context, queuedBefore time.Time) (int64, error) {
	const attempted = "forget deliveries"
	leave, err := s.enter(ctx, attempted)
	if err != nil {
		return 0, err
	}
	defer leave()
	forgotten, err := run(ctx, s.append.forget, queuedBefore.UnixMicro())
	if err != nil {
		return 0, translate(ctx, err, attempted)
	}
	return forgotten, nil
}
