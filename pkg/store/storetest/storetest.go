package storetest

import (
	"maps"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Harness is what the suite has to know of an implementation.
type Harness struct {
	// Open returns an empty store that shares its data with no other test. The
	// harness closes it when the test ends; the test may have closed it before.
	Open func(t *testing.T) store.Store
	// Reopen opens the data of a store once more: of one that was closed, as the
	// next start of the program does, or of one at work, as another instance.
	Reopen func(t *testing.T, s store.Store) store.Store
	// Copy opens a copy of the data of a store at work, while nobody else uses it,
	// as a backup that was restored elsewhere.
	Copy func(t *testing.T, s store.Store) store.Store
	// Outage returns two functions: one that makes the database under a store
	// unreachable, and one that brings it back. The store itself stays open.
	Outage func(t *testing.T, s store.Store) (down, up func())
	// Refuse returns an event that the database under a store refuses.
	Refuse func(t *testing.T, s store.Store) event.Event
	// Except has the reason why a case is left out, by the case's name.
	Except map[string]string
}

// testCase is one promise of the contract.
type testCase struct {
	name string
	run  func(t *testing.T, h Harness)
}

func cases() []testCase {
	return []testCase{
		{"the first append stores and a repeat is a duplicate", storedThenDuplicate},
		{"a repeat inside a batch loses against the first", duplicateInsideBatch},
		{"the same ID in two topics is two events", sameIDInTwoTopics},
		{"keys that differ in little are different", nearKeys},
		{"outcomes come in the order of the events", outcomeOrder},
		{"an empty append stores nothing", emptyAppend},
		{"the caller may reuse its slices after an append", reusedSlices},
		{"a batch of 20000 events is stored and recognised", largeBatch},
		{"every valid event comes back equal", everyEventComesBack},
		{"whatever the decoder accepts comes back equal", acceptedComesBack},
		{"counters follow a simple model step by step", countersFollowModel},
		{"topics are listed with the busiest first", topicOrder},
		{"an empty store answers zeros", emptyStore},
		{"appends that overlap in opposite orders store each key once", oppositeOrders},
		{"counters are consistent while appends run", statsUnderLoad},
		{"a walk to older events shows each once", walkOlder},
		{"walks over large events have short pages and miss nothing", largeWalks},
		{"a walk shows no event twice while appends run", walkUnderLoad},
		{"filters and limits narrow what is read", filters},
		{"newer events come oldest first and go on from a position", walkNewer},
		{"a position beyond all events is refused, and none that was given out", foreignPositions},
		{"a position of data that was replaced is refused, and none from before the backup", replacedData},
		{"a settled position parts the events for good", settledParts},
		{"followers see every event once and in one order", followers},
		{"an event that is not there is not found", notFound},
		{"a cancelled call says so and leaves the store usable", cancelledCalls},
		{"appends cancelled midway keep the counters exact", cancelledMidway},
		{"a delivery counts once however often it comes", redelivered},
		{"deliveries that are known are left out of a call", someRedelivered},
		{"what is forgotten is only what was queued before", forgotten},
		{"a thousand deliveries fit into one call", manyDeliveries},
		{"deliveries follow a simple model step by step", deliveriesFollowModel},
		{"a delivery that is refused leaves nothing, nor do those beside it", refusedDelivery},
		{"receivers of the same deliveries count each once", receiversCollide},
		{"counters are consistent while deliveries are received", statsWhileReceiving},
		{"receives cancelled midway count each delivery once", receivesCancelledMidway},
		{"deliveries are remembered after a restart", deliveriesSurviveRestart},
		{"an outage under load counts each delivery once", receiveThroughOutage},
		{"a store that is there answers a ping", pingAnswers},
		{"every call after close says that the store is closed", useAfterClose},
		{"close waits for the appends under way", closeWaits},
		{"everything survives a restart", survivesRestart},
		{"a database that is away is unavailable until it is back", outage},
		{"nothing acknowledged is lost in an outage under load", outageUnderLoad},
	}
}

// Run runs the suite against one implementation, all cases in parallel.
func Run(t *testing.T, h Harness) {
	t.Helper()
	reasons := maps.Clone(h.Except)
	for _, c := range cases() {
		reason, excepted := reasons[c.name]
		delete(reasons, c.name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if excepted {
				t.Skipf("left out: %s", reason)
			}
			c.run(t, h)
		})
	}
	for name := range reasons {
		t.Errorf("the harness excepts %q, which is no case of the suite", name)
	}
}
