package transport

import (
	"context"
	"sync"
)

// contextWatch interrupts a request when its context ends. The requests of a
// worker are short and share one context. Registering with a context costs
// about as much as generating an event, so the watch stays registered between
// requests.
//
// One goroutine at a time calls begin, end and stop.
type contextWatch struct {
	interrupt func()
	stopFunc  func() bool

	mu          sync.Mutex
	done        <-chan struct{} // of the context that it is registered with
	busy        bool
	interrupted bool
}

// begin watches the context of a request until end is called.
func (w *contextWatch) begin(ctx context.Context) {
	done := ctx.Done()
	if w.setContext(done) {
		w.stop()
		w.stopFunc = context.AfterFunc(ctx, func() { w.cancel(done) })
	}
	if ctx.Err() != nil {
		w.cancel(done) // it may have ended before busy was set
	}
}

// setContext reports whether the context differs from the last one.
func (w *contextWatch) setContext(done <-chan struct{}) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = true
	changed := w.done != done
	w.done = done
	return changed
}

// end reports whether no request was ever interrupted.
func (w *contextWatch) end() (intact bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	return !w.interrupted
}

// cancel interrupts the request in progress if it has the context that ended.
// Contexts often end after their requests and must not interrupt later ones.
func (w *contextWatch) cancel(done <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy && w.done == done && !w.interrupted {
		w.interrupted = true
		w.interrupt()
	}
}

// stop unregisters the watch, which the context would keep in memory.
func (w *contextWatch) stop() {
	if w.stopFunc != nil {
		w.stopFunc()
	}
}
