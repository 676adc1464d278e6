package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// What a shelf takes at most: beyond that a worker waits, as for a store that
// is away. The pauses between two tries of one message grow from the least to
// the most.
const (
	shelfMessages = 1000
	shelfEvents   = 50_000
	leastShelved  = 5 * time.Second
	mostShelved   = time.Minute
)

// Where nothing was stored for so long, any message is tried every few seconds:
// it tells when the store works again. Where that takes much longer it was the
// store that failed, whatever it answers when it is asked how it is.
const (
	suspect    = 10 * time.Second
	probeEvery = 5 * time.Second
	outage     = time.Minute
)

// manyFailures in a row are worth a line in the log, and a pause.
const manyFailures = 3

// shelf is what a worker sets aside so that it holds nothing up: messages that
// the store failed to take alone, for a reason that is neither in the data nor
// known as an outage.
//
// Whether the store or the message is to blame shows in what comes next. Only a
// failure soon after which something else was stored counts against a message: a
// store that fails at everything for a day, unnoticed by those who ask it how it
// is, makes no dead letters.
type shelf struct {
	messages []*shelved // the one that is due first is the first
	events   int

	row    int       // failures of one message alone since something was stored
	began  time.Time // the first of them
	failed time.Time // the last
	err    error     // and what it was
}

// shelved is one message on the shelf.
type shelved struct {
	Message
	due   time.Time
	pause time.Duration
	err   error // the last failure
	open  bool  // nothing was stored since that
	// tries counts the failures after which something else was stored.
	tries int64
}

// tookNothing reports whether the last failure left certainly nothing behind. An
// append whose answer was lost may yet be committed, and what is split or buried
// then is stored under another name as well.
func (s *shelved) tookNothing() bool { return tookNothing(s.err) }

// add sets a message aside, where there is room.
func (s *shelf) add(m Message, now time.Time, err error) bool {
	if len(s.messages) >= shelfMessages || s.events+len(m.Events) > shelfEvents && len(s.messages) > 0 {
		return false
	}
	s.events += len(m.Events)
	s.messages = append(s.messages, &shelved{Message: m, due: now.Add(leastShelved), pause: leastShelved, err: err, open: true})
	s.sort()
	return true
}

func (s *shelf) sort() {
	slices.SortStableFunc(s.messages, func(a, b *shelved) int { return a.due.Compare(b.due) })
}

// storing notes that the store took something: whatever failed just before was
// not the store's fault, or all of it was. It answers the messages that are to
// blame for the first time.
func (s *shelf) storing(now time.Time) (blamed []*shelved) {
	for _, m := range s.messages {
		switch {
		case !m.open:
		case now.Sub(s.began) >= outage:
			m.due, m.pause = now, leastShelved
		default:
			m.tries++
			if m.tries == 1 {
				blamed = append(blamed, m)
			}
		}
		m.open = false
	}
	s.row, s.err = 0, nil
	s.sort()
	return blamed
}

// excuse takes back the last failures: the store turned out to be away.
func (s *shelf) excuse(now time.Time) {
	for _, m := range s.messages {
		if m.open {
			m.open, m.due, m.pause = false, now, leastShelved
		}
	}
	s.row, s.err = 0, nil
	s.sort()
}

// failing notes that the store did not take a message that was alone.
func (s *shelf) failing(now time.Time, err error) {
	if s.row == 0 {
		s.began = now
	}
	s.row++
	s.failed, s.err = now, err
}

// doubt is the store's last failure where it fails at everything.
func (s *shelf) doubt() error {
	if s.row < manyFailures {
		return nil
	}
	return s.err
}

// again notes one more failure of a message.
func (s *shelf) again(m *shelved, now time.Time, err error) {
	m.pause = min(2*m.pause, mostShelved)
	m.due, m.err, m.open = now.Add(m.pause), err, true
	s.sort()
}

// worst is the message that failed most often while others were stored, of those
// that certainly left nothing behind; nil where there is none.
func (s *shelf) worst() *shelved {
	var worst *shelved
	for _, m := range s.messages {
		if m.tries > 0 && !m.open && m.tookNothing() && (worst == nil || m.tries > worst.tries) {
			worst = m
		}
	}
	return worst
}

func (s *shelf) remove(m *shelved) {
	s.events -= len(m.Events)
	s.messages = slices.DeleteFunc(s.messages, func(other *shelved) bool { return other == m })
}

// next is the message to try next and when, nil where there is none. While the
// store fails at everything, one tells whether it still does.
func (s *shelf) next() (*shelved, time.Time) {
	if len(s.messages) == 0 {
		return nil, time.Time{}
	}
	first, at := s.messages[0], s.messages[0].due
	if s.row == 0 {
		return first, at
	}
	probe := s.failed.Add(probeEvery)
	if earliest := s.began.Add(suspect); probe.Before(earliest) {
		probe = earliest
	}
	open := slices.IndexFunc(s.messages, func(m *shelved) bool { return m.open })
	if open < 0 || !probe.Before(at) {
		return first, at
	}
	return s.messages[open], probe
}

// wait shortens the wait for messages to when one of these is due.
func (s *shelf) wait(now time.Time, most time.Duration) time.Duration {
	m, at := s.next()
	if m == nil {
		return most
	}
	return min(most, max(0, at.Sub(now)))
}

func (s *shelf) all() []Message {
	all := make([]Message, len(s.messages))
	for i, m := range s.messages {
		all[i] = m.Message
	}
	return all
}

// failedError is an error of the store, as opposed to one of the queue.
type failedError struct{ err error }

func (e *failedError) Error() string { return e.err.Error() }
func (e *failedError) Unwrap() error { return e.err }

// some receives messages, fewer at a time the more often the store has failed:
// a batch may be too slow for it, or have one message that fails all others.
// What fails alone goes to the shelf.
func (w *Worker) some(ctx context.Context, messages []Message) error {
	for len(messages) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := len(messages)
		if w.most > 0 {
			n = min(n, w.most)
		}
		err := w.receive(ctx, messages[:n])
		if err == nil && n == w.most {
			if w.most *= 2; w.most > mostAtOnce {
				w.most = 0
			}
		}
		switch {
		case err == nil:
		case n > 1 && w.halve(n, err):
			continue
		case n > 1 || !w.putAside(ctx, messages[0], err):
			return err
		}
		messages = messages[n:]
	}
	return nil
}

// mostAtOnce is from how many messages at once a worker takes all it gets again.
const mostAtOnce = 256

// halve deals with the failure of so many messages that were to be stored at
// once: fewer are, from now on. It reports whether that is worth trying without
// a pause, as it is where nothing says that the store fails at everything.
func (w *Worker) halve(n int, err error) bool {
	var failed *failedError
	if !errors.As(err, &failed) || !w.options.Ready() {
		return false
	}
	w.most = (n + 1) / 2
	return w.shelf.doubt() == nil
}

// putAside deals with the failure of a message that was alone. It comes again,
// but not before its time: putAside reports whether the worker may go on with
// others.
func (w *Worker) putAside(ctx context.Context, m Message, err error) bool {
	var failed *failedError
	if !errors.As(err, &failed) || !w.options.Ready() {
		return false
	}
	for !w.shelf.add(m, w.options.Now(), failed.err) {
		if !w.makeRoom(ctx) {
			return false
		}
	}
	w.consumer.Shelve(w.shelf.all())
	return w.shelf.doubt() == nil
}

// well notes that the store has taken something.
func (w *Worker) well(ctx context.Context) {
	for _, m := range w.shelf.storing(w.options.Now()) {
		w.blamed.add(len(m.Events), m.err.Error())
	}
	w.tell(ctx, time.Second)
	w.report(nil)
}

// again tries a message of the shelf whose time has come. That it fails again
// is no news; that the store fails at all others too is for the next to say.
func (w *Worker) again(ctx context.Context) error {
	m, at := w.shelf.next()
	if m == nil || at.After(w.options.Now()) {
		return nil
	}
	err := w.retry(ctx, m)
	var failed *failedError
	switch {
	case errors.As(err, &failed):
		w.shelf.again(m, w.options.Now(), failed.err)
		if w.options.Ready() {
			return nil
		}
		return err
	case err != nil:
		return err
	}
	w.shelf.remove(m)
	w.consumer.Shelve(w.shelf.all())
	return nil
}

// retry stores a message, or ends its tries: one of several events is split, so
// that only the culprit stays, and one of a single event is buried. Both come a
// pause after the last try.
func (w *Worker) retry(ctx context.Context, m *shelved) error {
	several := len(m.Events) > 1
	if m.tries < w.options.MaxDeliveries && (!several || m.tries == 0 || !m.tookNothing()) {
		return w.receive(ctx, []Message{m.Message})
	}
	return w.end(ctx, m)
}

// end is the end of a message's tries, unless it turns out to be stored.
func (w *Worker) end(ctx context.Context, m *shelved) error {
	known, err := w.known(ctx, m.Message)
	switch {
	case err != nil:
		return &failedError{err}
	case known:
		return w.consumer.Done(ctx, []Message{m.Message})
	case len(m.Events) > 1:
		return w.consumer.Split(ctx, m.Message)
	default:
		return w.bury(ctx, m.Message, fmt.Sprintf("tried %d times while others were stored: %v", m.tries, m.err))
	}
}

// makeRoom ends the tries of one message on a full shelf: where more come that
// fail than can be tried again, waiting for them would hold up all others. It
// reports whether there was one that is to blame.
func (w *Worker) makeRoom(ctx context.Context) bool {
	m := w.shelf.worst()
	if m == nil || w.end(ctx, m) != nil {
		return false
	}
	w.shelf.remove(m)
	return true
}

// known asks whether a message is stored, and was only never removed.
func (w *Worker) known(ctx context.Context, m Message) (bool, error) {
	if err := w.keep(ctx); err != nil {
		return false, err
	}
	asking, cancel := context.WithTimeout(ctx, w.options.AppendTimeout)
	defer cancel()
	known, err := w.into.Known(asking, []store.DeliveryID{m.ID})
	return err == nil && known[0], err
}
