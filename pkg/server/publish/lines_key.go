package publish

import (
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// keyCheckEvery is the time between two checks of the key of a stream of lines.
const keyCheckEvery = 15 * time.Second

// keyCheck ends a stream of lines after its key was removed or has expired. A stream may
// take hours, so the check at its start is not enough.
type keyCheck struct {
	handler *Handler
	sender  *auth.Identity
	last    time.Time
}

// check returns an error if the key is no longer valid. Otherwise sender has the limits
// that the key has now. Most calls only read the clock.
func (k *keyCheck) check() error {
	current := k.handler.options.Current
	if current == nil || k.sender.Key == "" {
		return nil
	}
	now := k.handler.options.Now()
	if now.Sub(k.last) < keyCheckEvery {
		return nil
	}
	k.last = now
	sender := current(k.sender)
	if sender == nil {
		return respond.KeyInvalid()
	}
	k.sender = sender
	return nil
}
