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

// check returns an error if the key is no longer valid. Most calls only read the clock.
func (k *keyCheck) check() error {
	allowed := k.handler.options.StillAllowed
	if allowed == nil || k.sender.Key == "" {
		return nil
	}
	now := k.handler.options.Now()
	if now.Sub(k.last) < keyCheckEvery {
		return nil
	}
	k.last = now
	if !allowed(k.sender) {
		return respond.KeyInvalid()
	}
	return nil
}
