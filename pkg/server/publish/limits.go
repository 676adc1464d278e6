package publish

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/retry"
)

// checkLimits refuses a request of a client that has used up its limits, before its
// body is read. A stream of lines is slowed down instead; see linePacer.
func (h *Handler) checkLimits(p *request, form form) error {
	if form == formLines {
		return nil
	}
	return h.limited(p, h.options.Limiter.Check(p.sender))
}

// takeLimits counts the decoded events of a body, or refuses all of them. Nothing was
// stored yet.
func (h *Handler) takeLimits(p *request, bytes int64) error {
	usage := auth.Usage{Events: int64(len(p.events) + len(p.invalid)), Bytes: bytes}
	return h.limited(p, h.options.Limiter.Take(p.sender, usage))
}

// limited reports a request that was refused.
func (h *Handler) limited(p *request, err error) error {
	if err != nil && h.options.OnLimited != nil {
		h.options.OnLimited(p.sender, false)
	}
	return err
}

// minPause is the shortest pause of a stream. Shorter ones add up in the bucket.
const minPause = time.Millisecond

// linePacer slows a stream of lines down to the limits of its client: it waits after a
// line until the client's buckets are not below zero. Meanwhile TCP makes the client
// wait, as a full disk would. A stream has no response before its end, so it can't be
// refused without losing what it sent.
type linePacer struct {
	handler *Handler
	sender  *auth.Identity
	client  context.Context // ends when the client is gone
	onSlow  func()          // called before the first wait
	slow    bool
}

// pace waits for a line of n bytes. It returns early when the client is gone or the
// server shuts down; the reader notices that itself.
func (l *linePacer) pace(n int) {
	wait := l.handler.options.Limiter.Charge(l.sender, auth.Usage{Events: 1, Bytes: int64(n)})
	if wait < minPause {
		return
	}
	if !l.slow {
		l.slow = true
		l.onSlow()
	}
	ctx, cancel := context.WithCancel(l.client)
	defer cancel()
	defer context.AfterFunc(l.handler.options.Shutdown, cancel)()
	_ = retry.Sleep(ctx, wait)
}
