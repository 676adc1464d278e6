package queuetest

import (
	"slices"
	"testing"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// Options configure the queue of one case. A zero field means its default.
type Options struct {
	MaxEvents, MaxBytes int64
	// OwnServer says that the case crashes the server, so it can't be shared.
	OwnServer bool
}

// Harness is an empty queue with its server.
type Harness struct {
	// Queue shares its data with no other test. The harness closes it after the
	// test; the test may close it earlier.
	Queue queue.Queue
	// Again opens another queue on the same data, as another instance does.
	Again func(t *testing.T) queue.Queue
	// Down crashes the queue's server, and Up starts it again with its data. They
	// are needed only if Options.OwnServer is set.
	Down, Up func()
}

// Open returns the harness of one test.
type Open func(t *testing.T, o Options) Harness

func cases() []suitetest.Case[Open] {
	return []suitetest.Case[Open]{
		{Name: "every valid event is received equal and once", Run: receivedEqual},
		{Name: "every event that the decoder accepts is received equal", Run: acceptedReceived},
		{Name: "events of 1 MiB are received equal", Run: largeEvents},
		{Name: "an append of thousands of events is received whole", Run: manyEvents},
		{Name: "an empty append queues nothing", Run: emptyAppend},
		{Name: "an empty queue waits and returns nothing", Run: emptyQueue},
		{Name: "a waiting consumer receives new messages", Run: waits},
		{Name: "several consumers never receive the same message", Run: severalConsumers},
		{Name: "an unfinished message is received once", Run: receivedOnce},
		{Name: "a message whose lease is renewed is not claimed", Run: renewed},
		{Name: "acknowledge removes, and a second time changes nothing", Run: acknowledgedTwice},
		{Name: "a message of a crashed consumer is claimed", Run: claimed},
		{Name: "a consumer that lost its lease finishes nothing", Run: leaseLost},
		{Name: "a message is split into one for each event", Run: split},
		{Name: "a finished message can't be split or moved", Run: finishedMessages},
		{Name: "dead letters keep event, reason and times", Run: movedToDeadLetters},
		{Name: "dead letters are paged, the oldest first", Run: paging},
		{Name: "a dead letter is retried or dropped once", Run: retryAndDrop},
		{Name: "the maximum number of events is kept", Run: maxEvents},
		{Name: "the maximum number of bytes is kept", Run: maxBytes},
		{Name: "dead letters count towards the maximum", Run: deadLettersCount},
		{Name: "an append over the maximum queues nothing", Run: allOrNothing},
		{Name: "a purged queue is empty and takes events again", Run: purged},
		{Name: "the low watermark never passes a queued message", Run: lowWatermark},
		{Name: "a consumer that leaves releases its messages", Run: leaving},
		{Name: "pruning loses nothing", Run: pruning},
		{Name: "ping succeeds on an available queue", Run: pingSucceeds},
		{Name: "a cancelled call returns the context's error and takes nothing", Run: cancelledCalls},
		{Name: "a waiting consumer stops when its context ends", Run: cancelledWait},
		{Name: "every call after close returns ErrClosed", Run: useAfterClose},
		{Name: "close ends calls that wait", Run: closeEndsWaits},
		{Name: "queued events outlive the queue's owner", Run: reopened},
		{Name: "a crashed server is unavailable until it runs again", Run: outage},
		{Name: "nothing is lost if the server crashes under load", Run: outageUnderLoad},
		{Name: "sizes follow a simple model step by step", Run: followsModel},
		{Name: "appenders and consumers that crash lose nothing", Run: stress},
	}
}

// Run runs the suite against one engine, all cases in parallel.
func Run(t *testing.T, open Open) {
	t.Helper()
	suitetest.Run(t, open, cases(), nil)
}

// RunCases runs some cases of the suite, for a second configuration of an engine.
func RunCases(t *testing.T, open Open, names ...string) {
	t.Helper()
	some := slices.DeleteFunc(cases(), func(c suitetest.Case[Open]) bool { return !slices.Contains(names, c.Name) })
	if len(some) != len(names) {
		t.Errorf("%d of the names %q are cases of the suite", len(some), names)
	}
	suitetest.Run(t, open, some, nil)
}
