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

// minPause is the minimum pause of a stream. The bucket adds up shorter ones.
const minPause = time.Millisecond

// linePacer slows a stream of lines down to the limits of its client: after a line it
// waits until the client's buckets are not negative. Meanwhile the flow control of TCP
// makes the client wait. A stream is not refused, because it has no response before its
// end, and the client would not know which lines were stored.
type linePacer struct {
	handler *Handler
	client  context.Context // ends when the client disconnects
	onSlow  func()          // called before the first wait
	slow    bool
}

// pace waits after a line of n bytes of a sender, and reports whether it did. It returns
// early when the client disconnects or the server shuts down; then the next read returns
// an error.
func (l *linePacer) pace(sender *auth.Identity, n int) bool {
	wait := l.handler.options.Limiter.Charge(sender, auth.Usage{Events: 1, Bytes: int64(n)})
	if wait < minPause {
		return false
	}
	if !l.slow {
		l.slow = true
		l.onSlow()
	}
	ctx, cancel := context.WithCancel(l.client)
	defer cancel()
	defer context.AfterFunc(l.handler.options.Shutdown, cancel)()
	_ = retry.Sleep(ctx, wait)
	return true
}
