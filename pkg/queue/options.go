package queue

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// WorkerOptions configure a Worker. A zero field means its default.
type WorkerOptions struct {
	// Wait is how long the worker waits for new messages at a time, default 2
	// seconds. An idle worker needs up to this long to stop.
	Wait time.Duration
	// Lease is how long a message stays with a worker that does not renew its
	// lease, default 6 seconds. A working worker renews every third of it, however
	// long an append takes. So the messages of a crashed worker are taken over
	// within Lease plus ClaimInterval, 8 seconds.
	Lease time.Duration
	// ClaimInterval is the time between two looks for expired leases of other
	// workers, default 2 seconds.
	ClaimInterval time.Duration
	// CleanInterval is the time between two removals of what is no longer needed,
	// in the store and in the queue, default 1 minute.
	CleanInterval time.Duration
	// AppendTimeout is the timeout of one call to the store, default 10 seconds.
	AppendTimeout time.Duration
	// MaxDeliveries is how often a message may be delivered, default 5. A message
	// that exceeds it has crashed its workers and becomes a dead letter.
	MaxDeliveries int64
	// GiveUpTries and GiveUpAge say when an event that fails becomes a dead letter:
	// after this many failed tries over at least this time while others are stored,
	// default 5 tries over 10 minutes. See the package documentation.
	GiveUpTries int
	GiveUpAge   time.Duration
	// Ready reports whether the store is available, default always. While it is
	// not, the worker receives nothing and tries nothing.
	Ready func() bool
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Logger records pauses of the worker and all dead letters. The default
	// discards them.
	Logger *slog.Logger
	// OnReceived is called with the outcome of events that were moved into the
	// store, OnDeadLetter with the number of events that became dead letters. The
	// default does nothing.
	OnReceived   func(store.Received)
	OnDeadLetter func(events int)
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o WorkerOptions) WithDefaults() WorkerOptions {
	o.Wait = cmp.Or(o.Wait, 2*time.Second)
	o.Lease = cmp.Or(o.Lease, 6*time.Second)
	o.ClaimInterval = cmp.Or(o.ClaimInterval, 2*time.Second)
	o.CleanInterval = cmp.Or(o.CleanInterval, time.Minute)
	o.AppendTimeout = cmp.Or(o.AppendTimeout, 10*time.Second)
	o.MaxDeliveries = cmp.Or(o.MaxDeliveries, 5)
	o.GiveUpTries = cmp.Or(o.GiveUpTries, 5)
	o.GiveUpAge = cmp.Or(o.GiveUpAge, 10*time.Minute)
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnReceived == nil {
		o.OnReceived = func(store.Received) {}
	}
	if o.OnDeadLetter == nil {
		o.OnDeadLetter = func(int) {}
	}
	return o
}
