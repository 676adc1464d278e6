package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestRetryErrorIsItsReason(t *testing.T) {
	t.Parallel()
	reason := fmt.Errorf("append 3 events: %w", store.ErrOverloaded)
	var err error = &store.RetryError{Err: reason, After: time.Second}
	if !errors.Is(err, store.ErrOverloaded) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v is not just ErrOverloaded", err)
	}
	if err.Error() != reason.Error() {
		t.Errorf("the message is %q, want the reason's %q", err, reason)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	retry := &store.RetryError{Err: store.ErrUnavailable, After: 3 * time.Second}
	for _, test := range []struct {
		name string
		err  error
		want time.Duration
	}{
		{"an error that asks for a wait", retry, 3 * time.Second},
		{"one that is wrapped", fmt.Errorf("append: %w", retry), 3 * time.Second},
		{"one among others", errors.Join(store.ErrClosed, retry), 3 * time.Second},
		{"one that asks for no wait", &store.RetryError{Err: store.ErrOverloaded}, 0},
		{"an error that asks for nothing", store.ErrUnavailable, time.Minute},
		{"no error", nil, time.Minute},
	} {
		if got := store.RetryAfter(test.err, time.Minute); got != test.want {
			t.Errorf("%s: wait %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTemporary(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"a store that is away", fmt.Errorf("append: %w", store.ErrUnavailable), true},
		{"one that has too much to do", &store.RetryError{Err: store.ErrOverloaded}, true},
		{"one that refuses", store.ErrRejected, false},
		{"one that is closed for good", store.ErrClosed, false},
		{"any other error", errors.New("broken"), false},
		{"no error", nil, false},
	} {
		if got := store.Temporary(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
