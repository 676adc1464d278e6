package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// WorkerOptions tune a Worker. The zero value of each field stands for its
// default.
type WorkerOptions struct {
	// Wait is how long a worker waits for messages at a time, default 2
	// seconds. It is also how long its end may take when nothing is to do.
	Wait time.Duration
	// Idle is how long another's message may be under way before it is taken
	// over, default 30 seconds: longer than any append takes.
	Idle time.Duration
	// ClaimEvery is how often others' messages are looked at, default 5
	// seconds; TendEvery how often what is done is forgotten, default a minute.
	ClaimEvery time.Duration
	TendEvery  time.Duration
	// AppendTimeout is how long the store may take for one try, default 10
	// seconds.
	AppendTimeout time.Duration
	// MaxDeliveries is how often a message may be delivered, default 5. One
	// that comes more often has ended those who worked on it. It is also how
	// often one may fail alone that was set aside, while others were stored.
	MaxDeliveries int64
	// Ready says whether the store is there, default always. While it is not,
	// the worker takes nothing: a message that waits must not be counted as one
	// that is delivered in vain.
	Ready func() bool
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Logger hears of failures and recoveries once each, and of all dead
	// letters, once a second of those that come together; default nobody.
	Logger *slog.Logger
	// OnReceived hears what became of events that were moved into the store,
	// OnBuried of how many events became dead letters; nil is nobody.
	OnReceived   func(store.Received)
	OnDeadLetter func(events int)
}

func (o WorkerOptions) withDefaults() WorkerOptions {
	o.Wait = cmp.Or(o.Wait, 2*time.Second)
	o.Idle = cmp.Or(o.Idle, 30*time.Second)
	o.ClaimEvery = cmp.Or(o.ClaimEvery, 5*time.Second)
	o.TendEvery = cmp.Or(o.TendEvery, time.Minute)
	o.AppendTimeout = cmp.Or(o.AppendTimeout, 10*time.Second)
	o.MaxDeliveries = cmp.Or(o.MaxDeliveries, 5)
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	if o.OnReceived == nil {
		o.OnReceived = func(store.Received) {}
	}
	if o.OnDeadLetter == nil {
		o.OnDeadLetter = func(int) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Worker moves messages from a queue into a store.
type Worker struct {
	queue    Queue
	consumer Consumer
	into     store.Receiver
	options  WorkerOptions

	claimed  time.Time // when others' messages were last looked at
	kept     time.Time // when what the worker holds was last renewed
	tended   time.Time
	horizons horizons
	failing  bool // the last step failed; says what to log

	buried tally // dead letters
	blamed tally // events that were set aside and are to blame

	shelf shelf
	most  int // how many messages are stored at once, 0 for all there are
}

// NewWorker makes a worker that takes messages under a name of its own.
func NewWorker(queue Queue, name string, into store.Receiver, options WorkerOptions) *Worker {
	return &Worker{queue: queue, consumer: queue.Consumer(name), into: into, options: options.withDefaults()}
}

// Run works until ctx ends. The append under way is finished; what else the
// worker holds is left in the queue for others.
func (w *Worker) Run(ctx context.Context) {
	const least, most = 100 * time.Millisecond, 2 * time.Second
	w.tended = w.options.Now()
	pause := least
	for ctx.Err() == nil {
		err := w.step(ctx)
		w.tell(ctx, time.Second)
		if ctx.Err() != nil {
			break
		}
		w.report(err)
		if err == nil {
			pause = least
			continue
		}
		wait(ctx, pause)
		pause = min(2*pause, most)
	}
	w.tell(ctx, 0)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.options.AppendTimeout)
	defer cancel()
	if err := w.consumer.Leave(ending); err != nil {
		w.options.Logger.DebugContext(ctx, "consumer not forgotten", slog.Any("error", err))
	}
}

// errNotReady says that the store is known to be away.
var errNotReady = fmt.Errorf("worker waits: %w", store.ErrUnavailable)

// step takes some messages and deals with them. After an error those that are
// not dealt with come again.
func (w *Worker) step(ctx context.Context) error {
	if !w.options.Ready() {
		w.shelf.excuse(w.options.Now())
		return errNotReady
	}
	if err := w.tend(ctx); err != nil {
		return err
	}
	if err := w.again(ctx); err != nil {
		return err
	}
	messages, err := w.next(ctx)
	if err != nil {
		return err
	}
	if err := w.settle(ctx, messages); err != nil {
		return err
	}
	return w.shelf.doubt()
}

// next returns messages that others have left lying, from time to time, and
// otherwise new ones.
func (w *Worker) next(ctx context.Context) ([]Message, error) {
	if now := w.options.Now(); now.Sub(w.claimed) >= w.options.ClaimEvery {
		messages, err := w.consumer.Claim(ctx, w.options.Idle)
		if err != nil {
			return nil, err
		}
		if len(messages) > 0 {
			return messages, nil
		}
		w.claimed = now
	}
	w.kept = w.options.Now()
	return w.consumer.Receive(ctx, w.shelf.wait(w.options.Now(), w.options.Wait))
}

// keep renews what the worker holds, where that is long ago: a store that hangs
// takes as long for a few messages as the others take to be claimed. Workers that
// claim them from each other would count deliveries until nobody has one left.
func (w *Worker) keep(ctx context.Context) error {
	const share = 6 // with an append, which takes a third, that is half the time
	now := w.options.Now()
	if passed := now.Sub(w.kept); passed >= 0 && passed < w.options.Idle/share {
		return nil
	}
	w.kept = now
	return w.consumer.Renew(ctx)
}

// settle deals with messages: first deliveries together, and each that was
// delivered before alone, since it may be what ended its worker.
func (w *Worker) settle(ctx context.Context, messages []Message) error {
	first := messages[:0:0]
	for _, m := range messages {
		if err := ctx.Err(); err != nil { // each may take as long as an append
			return err
		}
		switch {
		case m.Broken != nil:
			if err := w.bury(ctx, m, m.Broken.Error()); err != nil {
				return err
			}
		case m.Deliveries > w.options.MaxDeliveries:
			if err := w.giveUp(ctx, m); err != nil {
				return err
			}
		case m.Deliveries > 1:
			if err := w.some(ctx, []Message{m}); err != nil {
				return err
			}
		default:
			first = append(first, m)
		}
	}
	return w.some(ctx, first)
}

// receive stores messages and then, after the COMMIT, removes them from the
// queue. The other order would lose what a crash in between leaves undone; this
// one delivers it again, which the store knows.
func (w *Worker) receive(ctx context.Context, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	if err := w.keep(ctx); err != nil {
		return err
	}
	deliveries := make([]store.Delivery, len(messages))
	for i, m := range messages {
		deliveries[i] = m.Delivery
	}
	// A worker that is told to end finishes what it has begun.
	appending, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.options.AppendTimeout)
	defer cancel()
	received, err := w.into.Receive(appending, deliveries)
	switch {
	case err == nil:
		w.well(ctx)
		w.options.OnReceived(received)
		return w.consumer.Acknowledge(appending, messages)
	case !errors.Is(err, store.ErrRejected):
		if len(messages) == 1 {
			w.shelf.failing(w.options.Now(), err)
		}
		return &failedError{err}
	case len(messages) > 1:
		for _, m := range messages {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.receive(ctx, []Message{m}); err != nil {
				return err
			}
		}
		return nil
	case len(messages[0].Events) > 1:
		return w.consumer.Split(appending, messages[0])
	default:
		return w.bury(ctx, messages[0], err.Error())
	}
}

// giveUp buries a message that has been delivered too often, unless it was
// stored and only never removed.
func (w *Worker) giveUp(ctx context.Context, m Message) error {
	known, err := w.known(ctx, m)
	if err != nil {
		return err
	}
	if known {
		return w.consumer.Acknowledge(ctx, []Message{m})
	}
	return w.bury(ctx, m, fmt.Sprintf("delivered %d times without being stored", m.Deliveries-1))
}

func (w *Worker) bury(ctx context.Context, m Message, reason string) error {
	if err := w.consumer.MoveToDeadLetters(ctx, m, reason); err != nil {
		return err
	}
	events := max(1, len(m.Events))
	w.options.OnDeadLetter(events)
	w.buried.add(events, reason)
	w.tell(ctx, time.Second)
	return nil
}

// tally is what the log has not heard of yet. Such events may come by the
// thousand.
type tally struct {
	events int
	reason string // of the last of them
	told   time.Time
}

func (t *tally) add(events int, reason string) {
	t.events += events
	t.reason = reason
}

// due reports whether there is something to tell, and the last time is so old.
func (t *tally) due(now time.Time, apart time.Duration) bool {
	passed := now.Sub(t.told)
	return t.events > 0 && (passed < 0 || passed >= apart)
}

// tell logs what became of events, so far apart at least.
func (w *Worker) tell(ctx context.Context, apart time.Duration) {
	now := w.options.Now()
	if w.blamed.due(now, apart) {
		w.options.Logger.WarnContext(ctx, "events can't be stored while others are; they are tried again later",
			slog.Int("events", w.blamed.events), slog.String("error", w.blamed.reason))
		w.blamed = tally{told: now}
	}
	if w.buried.due(now, apart) {
		w.options.Logger.ErrorContext(ctx, "events became dead letters; see 'eventagg deadletter list'",
			slog.Int("events", w.buried.events), slog.String("reason", w.buried.reason))
		w.buried = tally{told: now}
	}
}

// tend forgets what can't come again: deliveries that the queue is done with,
// and consumers that are gone.
func (w *Worker) tend(ctx context.Context) error {
	now := w.options.Now()
	if now.Sub(w.tended) < w.options.TendEvery {
		return nil
	}
	w.tended = now
	horizon, err := w.queue.LowWatermark(ctx)
	if err != nil {
		return err
	}
	var before time.Time
	if !horizon.IsZero() {
		before = w.horizons.learn(now, horizon)
	}
	if !before.IsZero() {
		// What a worker holds is claimed by others after Idle.
		if err := w.consumer.Renew(ctx); err != nil {
			return err
		}
		w.kept = now
		forgetting, cancel := context.WithTimeout(ctx, w.options.Idle/2)
		defer cancel()
		if _, err := w.into.Forget(forgetting, before); err != nil {
			return err
		}
	}
	const long = 10 // times as idle as one that is taken for dead
	return w.consumer.Prune(ctx, long*w.options.Idle)
}

// report logs that the worker fails, or works again, once each.
func (w *Worker) report(err error) {
	failing := err != nil
	if w.failing == failing {
		return
	}
	w.failing = failing
	if failing {
		w.options.Logger.Warn("worker waits; queued events stay queued", slog.Any("error", err))
		return
	}
	w.options.Logger.Info("worker works again")
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
