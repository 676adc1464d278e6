package server

import (
	"errors"
	"net/http"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// How long a stream waits for room, and how often it looks.
const (
	patience   = 10 * time.Second
	firstLook  = 5 * time.Millisecond
	longestGap = 200 * time.Millisecond
)

// patiently tries until there is room, the client is gone, or it has taken too
// long. Other errors end it at once.
func patiently(r *http.Request, try func() error) error {
	err := try()
	if !errors.Is(err, store.ErrOverloaded) {
		return err
	}
	giveUp := time.NewTimer(patience)
	defer giveUp.Stop()
	for gap := firstLook; ; gap = min(2*gap, longestGap) {
		look := time.NewTimer(gap)
		select {
		case <-look.C:
		case <-giveUp.C:
			look.Stop()
			return err
		case <-r.Context().Done():
			look.Stop()
			return err
		}
		if err = try(); !errors.Is(err, store.ErrOverloaded) {
			return err
		}
	}
}
