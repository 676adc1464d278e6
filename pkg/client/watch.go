package client

import (
	"context"
	"sync"
)

// watch interrupts what is under way when its context ends. The requests of a
// worker are short and have one context, and to register with a context costs
// about as much as to make an event, so a watch stays registered between them.
//
// One goroutine at a time calls begin, end and forget.
type watch struct {
	interrupt func()
	release   func() bool

	mu          sync.Mutex
	done        <-chan struct{} // of the context that it is registered with
	busy        bool
	interrupted bool
}

// begin says that something is under way until end is called.
func (w *watch) begin(ctx context.Context) {
	done := ctx.Done()
	if w.start(done) {
		w.forget()
		w.release = context.AfterFunc(ctx, func() { w.fire(done) })
	}
	if ctx.Err() != nil {
		w.fire(done) // where it ended before anything was under way
	}
}

// start reports whether this is another context than the last.
func (w *watch) start(done <-chan struct{}) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = true
	other := w.done != done
	w.done = done
	return other
}

// end says that nothing is under way any more, and reports whether nothing has
// ever been interrupted.
func (w *watch) end() (intact bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	return !w.interrupted
}

// fire interrupts what is under way with a context that has ended. Contexts
// often end after their requests, and must not hit those of others.
func (w *watch) fire(done <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy && w.done == done && !w.interrupted {
		w.interrupted = true
		w.interrupt()
	}
}

// forget takes the watch off its context, which would keep it in memory.
func (w *watch) forget() {
	if w.release != nil {
		w.release()
	}
}
