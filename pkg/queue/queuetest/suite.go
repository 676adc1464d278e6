package queuetest

import (
	"maps"
	"testing"

	"github.com/eventagg/eventagg/pkg/queue"
)

// Options are what a case wants of its queue; zero stands for the default.
type Options struct {
	MaxEvents, MaxBytes int64
}

// Harness is an empty queue and what the suite can do to it.
type Harness struct {
	// Queue shares its data with no other test. The harness closes it when the
	// test ends; the test may have closed it before.
	Queue queue.Queue
	// Again opens one more queue on the same data, as another instance does.
	Again func(t *testing.T) queue.Queue
	// Down ends the queue's server as a crash does, and Up starts it again on
	// what it had.
	Down, Up func()
}

// Open makes the harness of one test.
type Open func(t *testing.T, o Options) Harness

// testCase is one promise of the contract.
type testCase struct {
	name string
	run  func(t *testing.T, open Open)
}

func cases() []testCase {
	return []testCase{
		{"every valid event comes out equal and once", comesOutEqual},
		{"whatever the decoder accepts comes out equal", acceptedComesOut},
		{"events of a mebibyte come out equal", largeEvents},
		{"an append of thousands of events comes out whole", manyEvents},
		{"an empty append queues nothing", emptyAppend},
		{"an empty queue waits and answers nothing", emptyQueue},
		{"a consumer that waits is given what comes", waits},
		{"several consumers share without overlap", share},
		{"what was not finished comes first and as it was", unfinishedFirst},
		{"what is shelved stays and holds nothing up", shelved},
		{"what is kept is not claimed", kept},
		{"done removes, and a second time changes nothing", doneTwice},
		{"what a crashed consumer held is claimed after a while", claimed},
		{"what another has taken over does not come again", takenOver},
		{"a message is split into one for each event", split},
		{"what is gone can neither be split nor buried", goneMessages},
		{"what is buried becomes dead letters", buried},
		{"dead letters are paged, the oldest first", paging},
		{"a dead letter is retried or dropped once", retryAndDrop},
		{"the bound in events is kept", boundInEvents},
		{"the bound in bytes is kept", boundInBytes},
		{"dead letters take room", deadLettersTakeRoom},
		{"an append over the bound leaves nothing", allOrNothing},
		{"the horizon never passes what is queued", horizon},
		{"a consumer that leaves loses nothing", leaving},
		{"pruning loses nothing", pruning},
		{"a queue that is there answers a ping", pingAnswers},
		{"a cancelled call says so and takes nothing", cancelledCalls},
		{"a consumer that waits notices that it should end", cancelledWait},
		{"every call after close says that the queue is closed", useAfterClose},
		{"close ends those who wait", closeEndsWaits},
		{"what is queued outlives the queue's owner", reopened},
		{"a server that is away is unavailable until it is back", outage},
		{"nothing is lost when the server crashes under load", outageUnderLoad},
		{"counts follow a simple model step by step", followsModel},
		{"appenders and consumers that crash lose nothing", stress},
	}
}

// Run runs the suite against one engine, all cases in parallel. except has the
// reason why a case is left out, by the case's name.
func Run(t *testing.T, open Open, except map[string]string) {
	t.Helper()
	reasons := maps.Clone(except)
	for _, c := range cases() {
		reason, excepted := reasons[c.name]
		delete(reasons, c.name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if excepted {
				t.Skipf("left out: %s", reason)
			}
			c.run(t, open)
		})
	}
	for name := range reasons {
		t.Errorf("the harness excepts %q, which is no case of the suite", name)
	}
}
