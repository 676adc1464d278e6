package queuetest

import (
	"slices"
	"testing"

	"github.com/eventagg/eventagg/pkg/queue"
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

// testCase checks one rule of the contract.
type testCase struct {
	name string
	run  func(t *testing.T, open Open)
}

func cases() []testCase {
	return []testCase{
		{"every valid event is received equal and once", receivedEqual},
		{"every event that the decoder accepts is received equal", acceptedReceived},
		{"events of 1 MiB are received equal", largeEvents},
		{"an append of thousands of events is received whole", manyEvents},
		{"an empty append queues nothing", emptyAppend},
		{"an empty queue waits and returns nothing", emptyQueue},
		{"a waiting consumer receives new messages", waits},
		{"several consumers never receive the same message", severalConsumers},
		{"an unfinished message is received once", receivedOnce},
		{"a message whose lease is renewed is not claimed", renewed},
		{"acknowledge removes, and a second time changes nothing", acknowledgedTwice},
		{"a message of a crashed consumer is claimed", claimed},
		{"a consumer that lost its lease finishes nothing", leaseLost},
		{"a message is split into one for each event", split},
		{"a finished message can't be split or moved", finishedMessages},
		{"dead letters keep event, reason and times", movedToDeadLetters},
		{"dead letters are paged, the oldest first", paging},
		{"a dead letter is retried or dropped once", retryAndDrop},
		{"the maximum number of events is kept", maxEvents},
		{"the maximum number of bytes is kept", maxBytes},
		{"dead letters count towards the maximum", deadLettersCount},
		{"an append over the maximum queues nothing", allOrNothing},
		{"the low watermark never passes a queued message", lowWatermark},
		{"a consumer that leaves releases its messages", leaving},
		{"pruning loses nothing", pruning},
		{"ping succeeds on an available queue", pingSucceeds},
		{"a cancelled call returns the context's error and takes nothing", cancelledCalls},
		{"a waiting consumer stops when its context ends", cancelledWait},
		{"every call after close returns ErrClosed", useAfterClose},
		{"close ends calls that wait", closeEndsWaits},
		{"queued events outlive the queue's owner", reopened},
		{"a crashed server is unavailable until it runs again", outage},
		{"nothing is lost if the server crashes under load", outageUnderLoad},
		{"sizes follow a simple model step by step", followsModel},
		{"appenders and consumers that crash lose nothing", stress},
	}
}

// Run runs the suite against one engine, all cases in parallel.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open)
		})
	}
}

// RunCases runs some cases of the suite, for an engine with a second configuration.
func RunCases(t *testing.T, open Open, names ...string) {
	t.Helper()
	for _, name := range names {
		at := slices.IndexFunc(cases(), func(c testCase) bool { return c.name == name })
		if at < 0 {
			t.Errorf("%q is not a case of the suite", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases()[at].run(t, open)
		})
	}
}
