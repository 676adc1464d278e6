package redis

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// TestTranslate_NamesTheQueue: an operator who reads the error must look at Redis,
// not at the database.
func TestTranslate_NamesTheQueue(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err        error
		want       string
		notReached bool
	}{
		"the connection is refused": {&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}, "queue unavailable: claim: dial tcp: connection refused", true},
		"the connection is lost":    {io.EOF, "queue unavailable: claim: EOF", false},
		"nothing was sent":          {&callError{err: io.EOF}, "queue unavailable: claim: EOF", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := (&Queue{}).translate(t.Context(), "claim", test.err)
			if err.Error() != test.want {
				t.Errorf("%q, want %q", err, test.want)
			}
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) != test.notReached || !errors.Is(err, test.err) {
				t.Errorf("%v matches ErrUnavailable %t, ErrNotReached %t, its cause %t", err,
					errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrNotReached), errors.Is(err, test.err))
			}
		})
	}
}

// lateContext is a context whose timer has not fired although its deadline has passed,
// as on a busy machine.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

// TestTranslate_KnowsPassedDeadline: a connection has the deadline of the context, and
// may fail before the context ends. Then the queue is not to blame.
func TestTranslate_KnowsPassedDeadline(t *testing.T) {
	t.Parallel()
	err := (&Queue{}).translate(lateContext{t.Context()}, "receive", &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded})
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v, want the deadline of the context", err)
	}
}
