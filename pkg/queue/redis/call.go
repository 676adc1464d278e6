package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"github.com/eventagg/eventagg/pkg/store"
)

// call is a command that is sent at most once, and knows whether it may have
// been.
type call struct {
	*goredis.Cmd
	sent atomic.Bool
}

// NoRetry keeps a cluster's client from sending the command to another node
// after the connection was lost. It does so even where retries are turned off.
func (c *call) NoRetry() bool { return true }

// Args is what the client asks for when it writes the command. If it does so
// earlier than that, the answer is "sent" where nothing was: the safe side.
func (c *call) Args() []any {
	c.sent.Store(true)
	return c.Cmd.Args()
}

// eval runs a script. What the server does not know yet it is told.
func (q *Queue) eval(ctx context.Context, client goredis.UniversalClient, s script, keys []string, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	answer, err := q.evalAs(ctx, client, "evalsha", s.sha, keys, args)
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		answer, err = q.evalAs(ctx, client, "eval", s.source, keys, args)
	}
	return answer, err
}

func (q *Queue) evalAs(ctx context.Context, client goredis.UniversalClient, command, what string, keys []string, args []any) (any, error) {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, command, what, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	c := &call{Cmd: goredis.NewCmd(ctx, append(all, args...)...)}
	if err := client.Process(ctx, c); err != nil {
		return nil, &callError{err: err, sent: c.sent.Load()}
	}
	return c.Val(), nil
}

// callError is an error with whether the command may have been executed.
type callError struct {
	err  error
	sent bool
}

// Error is the error's own text.
func (e *callError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *callError) Unwrap() error { return e.err }

// translate turns the client's error into the contract's; nil stays nil. The
// context is the caller's own.
func (q *Queue) translate(ctx context.Context, what string, err error) error {
	var failed *callError
	switch {
	case err == nil:
		return nil
	case q.closed.Load() || errors.Is(err, goredis.ErrClosed):
		return fmt.Errorf("queue: %s: %w", what, store.ErrClosed)
	case ctx.Err() != nil:
		return fmt.Errorf("queue: %s: %w", what, ctx.Err())
	case errors.Is(err, store.ErrNotDurable), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrOverloaded):
		return err
	case outOfMemory(err):
		full := fmt.Errorf("queue: %s: %w: the server has reached maxmemory", what, store.ErrOverloaded)
		return &store.RetryError{Err: full, After: unknownDrain}
	case refused(err), notDialled(err), errors.As(err, &failed) && !failed.sent:
		return &awayError{what: what, err: err, also: []error{store.ErrUnavailable, store.ErrNotReached, err}}
	default:
		return &awayError{what: what, err: err, also: []error{store.ErrUnavailable, err}}
	}
}

// awayError says why Redis did not do what was asked. It matches the contract's
// errors without their words, which would lead its reader to the database.
type awayError struct {
	what string
	err  error
	also []error
}

// Error says what could not be done and why.
func (e *awayError) Error() string { return "queue unavailable: " + e.what + ": " + e.err.Error() }

// Unwrap returns the contract's errors.
func (e *awayError) Unwrap() []error { return e.also }

// refused reports whether the server itself answered with an error: LOADING,
// READONLY, MISCONF, CLUSTERDOWN, NOAUTH and the like. Scripts are written such
// that it does so before the first write or not at all.
func refused(err error) bool {
	var answer goredis.Error
	return errors.As(err, &answer)
}

// notDialled reports whether there was no connection to send anything on. A
// cluster's client looks at a command before it has one, so that the command
// itself can't tell.
func notDialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, goredis.ErrPoolTimeout)
}

func outOfMemory(err error) bool {
	return refused(err) && strings.Contains(err.Error(), "OOM command not allowed")
}

// noGroup reports whether the stream or its consumer group is not there.
func noGroup(err error) bool {
	return refused(err) && (strings.Contains(err.Error(), "NOGROUP") || strings.Contains(err.Error(), "no such key"))
}
