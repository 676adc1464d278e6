package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestRetryError_MatchesItsReason(t *testing.T) {
	t.Parallel()
	reason := fmt.Errorf("append 3 events: %w", store.ErrOverloaded)
	var err error = &store.RetryError{Err: reason, After: time.Second}
	if !errors.Is(err, store.ErrOverloaded) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v matches the wrong errors", err)
	}
	if err.Error() != reason.Error() {
		t.Errorf("the message is %q, want the reason's %q", err, reason)
	}
}

func TestRetryAfter_ReturnsTheWaitOrTheFallback(t *testing.T) {
	t.Parallel()
	retry := &store.RetryError{Err: store.ErrUnavailable, After: 3 * time.Second}
	for _, test := range []struct {
		name string
		err  error
		want time.Duration
	}{
		{"an error with a wait", retry, 3 * time.Second},
		{"a wrapped one", fmt.Errorf("append: %w", retry), 3 * time.Second},
		{"one of several", errors.Join(store.ErrClosed, retry), 3 * time.Second},
		{"a wait of zero", &store.RetryError{Err: store.ErrOverloaded}, 0},
		{"an error without a wait", store.ErrUnavailable, time.Minute},
		{"no error", nil, time.Minute},
	} {
		if got := store.RetryAfter(test.err, time.Minute); got != test.want {
			t.Errorf("%s: wait %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTemporary_IsTrueForOutagesAndOverload(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"an unavailable store", fmt.Errorf("append: %w", store.ErrUnavailable), true},
		{"an overloaded store", &store.RetryError{Err: store.ErrOverloaded}, true},
		{"a rejection", store.ErrRejected, false},
		{"a closed store", store.ErrClosed, false},
		{"any other error", errors.New("broken"), false},
		{"no error", nil, false},
	} {
		if got := store.Temporary(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
