package publish

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/eventagg/eventagg/pkg/server/memory"
	"github.com/eventagg/eventagg/pkg/store"
)

// BufferedBytes returns the memory that is charged for bodies at the moment.
func (h *Handler) BufferedBytes() int64 { return h.budget.Used() }

// charge takes n more bytes of the budget until the response is sent.
func (p *request) charge(n int64) error {
	if err := p.handler.budget.Reserve(p.sender.Client(), n, p.charged); err != nil {
		return err
	}
	p.charged += n
	return nil
}

// minBodyWait and maxBodyWait are how long a body that has arrived in part waits for
// memory. The time is random: large bodies that wait for each other must not give up
// together, because the memory of the first to give up is what the others wait for.
const (
	minBodyWait = time.Second
	maxBodyWait = 3 * time.Second
)

// chargeWindow charges for the memory of a decoder until the body has arrived. It waits
// for other requests to finish, because the usual window of some encoders is a quarter
// of the default budget.
func (p *request) chargeWindow(bytes int64) error {
	wait := minBodyWait + rand.N(maxBodyWait-minBodyWait) //nolint:gosec // no secret: any spread will do
	err := retryWhileOverloaded(context.Background(), wait, func() error { return p.charge(bytes) })
	if err == nil {
		p.window += bytes
	}
	return err
}

// closeDecoder frees the decompressor when the body has arrived.
func (p *request) closeDecoder() {
	if p.closeCodec == nil {
		return
	}
	p.closeCodec()
	p.closeCodec = nil
	p.handler.budget.Release(p.sender.Client(), p.window)
	p.charged -= p.window
	p.window = 0
}

// chargeBody charges for a body of size bytes, less what is charged already. If a part of
// the body has arrived, it waits for other requests to finish.
func (p *request) chargeBody(ctx context.Context, size int64) error {
	if size <= max(p.room, memory.FreeBytes) {
		return nil
	}
	charge := func() error { return p.charge(size - p.room) }
	err := charge()
	if p.room > 0 && errors.Is(err, store.ErrOverloaded) {
		wait := minBodyWait + rand.N(maxBodyWait-minBodyWait) //nolint:gosec // no secret: any spread will do
		err = retryWhileOverloaded(ctx, wait, charge)
	}
	if err != nil {
		return err
	}
	p.room = size
	return nil
}

const (
	// eventBytes is about the memory of an event of a batch, without its text, and of
	// its result.
	eventBytes = 128
	// chargedEvents is how many events are charged at once. Smaller batches are free.
	chargedEvents = 64
)

// chargeEvents charges for the events of a batch while they are decoded: 71 compressed
// bytes may be 10,000 events, with a result each. It runs before the events are appended,
// because a refused request must store nothing.
func (p *request) chargeEvents() {
	if n := len(p.events) + len(p.invalid); n%chargedEvents == 0 {
		p.full = p.charge(chargedEvents * eventBytes)
	}
}
