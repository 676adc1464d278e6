package queue

import (
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
func (s *shelved) tookNothing() bool { return store.NothingStored(s.err) }

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
