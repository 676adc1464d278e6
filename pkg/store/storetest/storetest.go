package storetest

import (
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
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

func cases() []suitetest.Case[Harness] {
	return []suitetest.Case[Harness]{
		{Name: "the first append stores and a repeat is a duplicate", Run: storedThenDuplicate},
		{Name: "a repeat inside a batch loses against the first", Run: duplicateInsideBatch},
		{Name: "the same ID in two topics is two events", Run: sameIDInTwoTopics},
		{Name: "keys that differ in little are different", Run: nearKeys},
		{Name: "outcomes come in the order of the events", Run: outcomeOrder},
		{Name: "an empty append stores nothing", Run: emptyAppend},
		{Name: "the caller may reuse its slices after an append", Run: reusedSlices},
		{Name: "a batch of 20000 events is stored and recognised", Run: largeBatch},
		{Name: "every valid event comes back equal", Run: everyEventComesBack},
		{Name: "whatever the decoder accepts comes back equal", Run: acceptedComesBack},
		{Name: "counters follow a simple model step by step", Run: countersFollowModel},
		{Name: "topics are listed with the busiest first", Run: topicOrder},
		{Name: "an empty store answers zeros", Run: emptyStore},
		{Name: "appends that overlap in opposite orders store each key once", Run: oppositeOrders},
		{Name: "counters are consistent while appends run", Run: statsUnderLoad},
		{Name: "a walk to older events shows each once", Run: walkOlder},
		{Name: "walks over large events have short pages and miss nothing", Run: largeWalks},
		{Name: "a walk shows no event twice while appends run", Run: walkUnderLoad},
		{Name: "filters and limits narrow what is read", Run: filters},
		{Name: "newer events come oldest first and go on from a position", Run: walkNewer},
		{Name: "a position beyond all events is refused, and none that was given out", Run: foreignPositions},
		{Name: "a position of data that was replaced is refused, and none from before the backup", Run: replacedData},
		{Name: "a settled position parts the events for good", Run: settledParts},
		{Name: "followers see every event once and in one order", Run: followers},
		{Name: "an event that is not there is not found", Run: notFound},
		{Name: "a cancelled call says so and leaves the store usable", Run: cancelledCalls},
		{Name: "appends cancelled midway keep the counters exact", Run: cancelledMidway},
		{Name: "a delivery counts once however often it comes", Run: redelivered},
		{Name: "deliveries that are known are left out of a call", Run: someRedelivered},
		{Name: "what is forgotten is only what was queued before", Run: forgotten},
		{Name: "a thousand deliveries fit into one call", Run: manyDeliveries},
		{Name: "deliveries follow a simple model step by step", Run: deliveriesFollowModel},
		{Name: "a delivery that is refused leaves nothing, nor do those beside it", Run: refusedDelivery},
		{Name: "receivers of the same deliveries count each once", Run: receiversCollide},
		{Name: "counters are consistent while deliveries are received", Run: statsWhileReceiving},
		{Name: "receives cancelled midway count each delivery once", Run: receivesCancelledMidway},
		{Name: "deliveries are remembered after a restart", Run: deliveriesSurviveRestart},
		{Name: "an outage under load counts each delivery once", Run: receiveThroughOutage},
		{Name: "a store that is there answers a ping", Run: pingAnswers},
		{Name: "every call after close says that the store is closed", Run: useAfterClose},
		{Name: "close waits for the appends under way", Run: closeWaits},
		{Name: "everything survives a restart", Run: survivesRestart},
		{Name: "a database that is away is unavailable until it is back", Run: outage},
		{Name: "nothing acknowledged is lost in an outage under load", Run: outageUnderLoad},
	}
}

// Run runs the suite against one implementation, all cases in parallel.
func Run(t *testing.T, h Harness) {
	t.Helper()
	suitetest.Run(t, h, cases(), h.Except)
}
