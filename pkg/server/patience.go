package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"
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

// dryReader ends a body that goes on and on without an event: blank lines, a
// line without end, a compressed nothing. It is what bounds a stream that may
// otherwise be as long as it likes.
type dryReader struct {
	in          io.Reader
	limit, read int64
}

// Read reads, unless there was no event for too long.
func (d *dryReader) Read(p []byte) (int, error) {
	if d.read > d.limit {
		return 0, &requestError{
			status: http.StatusRequestEntityTooLarge,
			detail: "More than " + strconv.FormatInt(d.limit, 10) + " bytes came without an event.",
		}
	}
	n, err := d.in.Read(p)
	d.read += int64(n)
	return n, err
}
