package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestNotifyOnCommit_NotifiesOfCommitsOnly(t *testing.T) {
	t.Parallel()
	fake := &fakeStore{}
	notifying, committed := store.NotifyOnCommit(fake)
	notified := func() bool {
		select {
		case <-committed:
			return true
		default:
			return false
		}
	}
	for range 3 {
		if _, err := notifying.Append(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if !notified() || notified() {
		t.Error("three commits must be one value")
	}
	if _, err := notifying.Receive(t.Context(), nil); err != nil || !notified() {
		t.Errorf("after a Receive there was no notification, %v", err)
	}
	fake.err = store.ErrUnavailable
	_, err := notifying.Append(t.Context(), nil)
	_, errReceive := notifying.Receive(t.Context(), nil)
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(errReceive, store.ErrUnavailable) || notified() {
		t.Errorf("a notification came after calls that failed with %v, %v", err, errReceive)
	}
}

// fakeStore returns err from its two methods that commit events.
type fakeStore struct {
	store.Store

	err error
}

func (f *fakeStore) Append(context.Context, []event.Event) ([]event.Outcome, error) {
	return nil, f.err
}

func (f *fakeStore) Receive(context.Context, []store.Delivery) (store.Received, error) {
	return store.Received{}, f.err
}
