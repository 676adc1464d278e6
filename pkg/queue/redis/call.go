package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/store"
)

// call is a command that is sent at most once and records whether it was sent.
type call struct {
	*goredis.Cmd
	sent atomic.Bool
}

// NoRetry prevents a cluster client from sending the command to another node after
// the connection was lost. It would do so even with retries disabled.
func (c *call) NoRetry() bool { return true }

// Args is called when the client writes the command. An earlier call would only make
// an unsent command look sent, which is safe.
func (c *call) Args() []any {
	c.sent.Store(true)
	return c.Cmd.Args()
}

// eval runs a script. It sends the source if the server does not know the script.
func (q *Queue) eval(ctx context.Context, client processor, s script, keys []string, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	reply, err := q.evalAs(ctx, client, "evalsha", s.sha, keys, args)
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		reply, err = q.evalAs(ctx, client, "eval", s.source, keys, args)
	}
	return reply, err
}

func (q *Queue) evalAs(ctx context.Context, client processor, command, script string, keys []string, args []any) (any, error) {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, command, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	c := &call{Cmd: goredis.NewCmd(ctx, append(all, args...)...)}
	if err := client.Process(ctx, c); err != nil {
		return nil, &callError{err: err, sent: c.sent.Load()}
	}
	return c.Val(), nil
}

// callError is an error that records whether the command may have been executed.
type callError struct {
	err  error
	sent bool
}

// Error returns the error's text.
func (e *callError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *callError) Unwrap() error { return e.err }

// translate turns an error of the client into one of the contract; nil stays nil. The
// context is the caller's.
func (q *Queue) translate(ctx context.Context, name string, err error) error {
	var failed *callError
	switch {
	case err == nil:
		return nil
	case q.closed.Load() || errors.Is(err, goredis.ErrClosed):
		return fmt.Errorf("queue: %s: %w", name, store.ErrClosed)
	case ended(ctx) != nil:
		return fmt.Errorf("queue: %s: %w", name, ended(ctx))
	case errors.Is(err, store.ErrNotDurable), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrOverloaded):
		return err
	case outOfMemory(err):
		full := fmt.Errorf("queue: %s: %w: the server has reached maxmemory", name, store.ErrOverloaded)
		return &store.RetryError{Err: full, After: unknownDrain}
	case replied(err), notDialled(err), errors.As(err, &failed) && !failed.sent:
		return &unavailableError{call: name, err: err, is: []error{store.ErrUnavailable, store.ErrNotReached, err}}
	default:
		return &unavailableError{call: name, err: err, is: []error{store.ErrUnavailable, err}}
	}
}

// ended returns why the context ended, or nil. A connection with the deadline of the
// context may fail shortly before the timer of the context fires.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// unavailableError matches the errors of the contract without their texts, which
// name the database.
type unavailableError struct {
	call string
	err  error
	is   []error
}

// Error returns what failed and why.
func (e *unavailableError) Error() string {
	return "queue unavailable: " + e.call + ": " + e.err.Error()
}

// Unwrap returns the errors of the contract.
func (e *unavailableError) Unwrap() []error { return e.is }

// replied reports whether the error is the server's own: LOADING, READONLY, MISCONF,
// CLUSTERDOWN, NOAUTH and so on. Scripts get such errors before their first write or
// not at all.
func replied(err error) bool {
	var reply goredis.Error
	return errors.As(err, &reply)
}

// notDialled reports whether there was no connection. A cluster client calls Args
// before it has one, so the command can't record that.
func notDialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, goredis.ErrPoolTimeout)
}

func outOfMemory(err error) bool {
	return goredis.HasErrorPrefix(err, "OOM")
}

// noGroup reports whether the stream or its consumer group does not exist. For a
// missing key, Redis has a text and no code.
func noGroup(err error) bool {
	return goredis.HasErrorPrefix(err, "NOGROUP") || goredis.HasErrorPrefix(err, "no such key")
}

// ignoreNoGroup returns nil if the stream or its consumer group does not exist.
func ignoreNoGroup(err error) error {
	if noGroup(err) {
		return nil
	}
	return err
}
