package query

import (
	"errors"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/server/respond"
)

const (
	// refusalTime is how long a request that was refused for its memory is refused
	// again without a read of the store.
	refusalTime = time.Second
	// maxRefusals is the maximum number of requests that are remembered.
	maxRefusals = 1000
)

// refusals remembers which requests were refused for their memory. The memory that a
// page needs is known only after the store was read, and clients that repeat such a
// request at once would keep the store busy.
type refusals struct {
	now func() time.Time

	mu    sync.Mutex
	since time.Time
	seen  map[string]error // by client and URL
}

// guard calls f, unless the same request of the same client was refused less than a
// second ago.
func (r *refusals) guard(c echo.Context, f func() error) error {
	if err := r.known(c); err != nil {
		return err
	}
	err := f()
	if errors.Is(err, respond.ErrReadMemory) {
		r.add(keyOf(c), err)
	}
	return err
}

func keyOf(c echo.Context) string { return respond.Client(c) + " " + c.Request().URL.RequestURI() }

// known returns the error of the same request in the last second, or nil.
func (r *refusals) known(c echo.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		return nil
	}
	if r.now().Sub(r.since) > refusalTime {
		clear(r.seen)
	}
	return r.seen[keyOf(c)]
}

func (r *refusals) add(key string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		r.since = r.now()
	}
	if r.seen == nil {
		r.seen = map[string]error{}
	}
	if len(r.seen) < maxRefusals {
		r.seen[key] = err
	}
}
