package storetest

import (
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// Harness is how the suite creates and manipulates stores of an implementation.
type Harness struct {
	// Open returns an empty store that shares no data with other tests. The
	// harness closes it when the test ends; the test may close it earlier.
	Open func(t *testing.T) store.Store
	// Reopen opens the data of a store once more. If the store is closed, this
	// is a restart of the program; otherwise it is another instance.
	Reopen func(t *testing.T, s store.Store) store.Store
	// Copy opens a copy of the data of an open store, as a backup that was
	// restored elsewhere. Nothing else uses the store meanwhile.
	Copy func(t *testing.T, s store.Store) store.Store
	// Outage returns a function that makes the database of a store unavailable,
	// and one that makes it available again. The store stays open.
	Outage func(t *testing.T, s store.Store) (down, up func())
	// Rejected returns an event that the database of a store rejects.
	Rejected func(t *testing.T, s store.Store) event.Event
	// Age returns what drops old data of a store, and a moment such that all present
	// events, and none that is appended after the call, can be dropped as older.
	Age func(t *testing.T, s store.Store) (store.Retainer, time.Time)
	// Except maps names of cases to skip to the reason.
	Except map[string]string
}

func cases() []suitetest.Case[Harness] {
	return []suitetest.Case[Harness]{
		{Name: "the first append stores and a repeat is a duplicate", Run: storedThenDuplicate},
		{Name: "a repeat inside a batch is a duplicate of the first", Run: duplicateInsideBatch},
		{Name: "the same ID in two topics is two events", Run: sameIDInTwoTopics},
		{Name: "keys that differ slightly are different", Run: nearKeys},
		{Name: "outcomes come in the order of the events", Run: outcomeOrder},
		{Name: "a repeat with another content is a conflict", Run: conflicts},
		{Name: "a repeat without a time of its own is a conflict only if the rest differs", Run: assignedTimes},
		{Name: "reports say which keys were repeated, by which sources, and what differs", Run: reportsSayWhat},
		{Name: "reports are listed newest first, in pages, by topic and by conflict", Run: reportPages},
		{Name: "duplicates of deliveries are reported, and redeliveries are not", Run: reportsOfDeliveries},
		{Name: "a store that closes writes its reports", Run: reportsSurviveClose},
		{Name: "an empty append stores nothing", Run: emptyAppend},
		{Name: "the caller may reuse its slices after an append", Run: reusedSlices},
		{Name: "a batch of 20000 events is stored and recognised", Run: largeBatch},
		{Name: "every valid event comes back equal", Run: everyEventComesBack},
		{Name: "whatever the decoder accepts comes back equal", Run: acceptedComesBack},
		{Name: "counters follow a simple model step by step", Run: countersFollowModel},
		{Name: "large batches with any share of repeats follow a simple model", Run: largeBatchesFollowModel},
		{Name: "topics are listed with the busiest first", Run: topicOrder},
		{Name: "topics are listed in pages, and one by name", Run: topicPages},
		{Name: "known topics are those with events", Run: knownTopics},
		{Name: "a topic counts once, however many writers begin it", Run: topicsBegunAtOnce},
		{Name: "an empty store has zero counters", Run: emptyStore},
		{Name: "appends that overlap in opposite orders store each key once", Run: oppositeOrders},
		{Name: "counters are consistent while appends run", Run: statsUnderLoad},
		{Name: "paging to older events returns each once", Run: olderPages},
		{Name: "pages of large events are short and miss nothing", Run: largePages},
		{Name: "paging returns no event twice while appends run", Run: pagingUnderLoad},
		{Name: "filters and limits narrow what is read", Run: filters},
		{Name: "newer events come oldest first and continue from a position", Run: newerPages},
		{Name: "a position after all events is rejected, and none that the store returned", Run: foreignPositions},
		{Name: "a position of replaced data is rejected, and none from before the backup", Run: replacedData},
		{Name: "no event ever appears before a stable position", Run: stablePositions},
		{Name: "followers get every event once and in one order", Run: followers},
		{Name: "an event that is not stored is not found", Run: notFound},
		{Name: "a cancelled call returns the error of its context and leaves the store usable", Run: cancelledCalls},
		{Name: "cancelled appends keep the counters exact", Run: cancelledAppends},
		{Name: "a delivery counts once however often it is received", Run: redelivered},
		{Name: "known deliveries are skipped in a call", Run: someRedelivered},
		{Name: "forget deletes only deliveries queued before its time", Run: forget},
		{Name: "one call can receive a thousand deliveries", Run: manyDeliveries},
		{Name: "deliveries follow a simple model step by step", Run: deliveriesFollowModel},
		{Name: "a rejected delivery stores nothing, nor do the others of its call", Run: rejectedDelivery},
		{Name: "concurrent receivers of the same deliveries count each once", Run: concurrentReceivers},
		{Name: "counters are consistent while deliveries are received", Run: statsWhileReceiving},
		{Name: "cancelled receives count each delivery once", Run: cancelledReceives},
		{Name: "deliveries are remembered after a restart", Run: deliveriesSurviveRestart},
		{Name: "an outage under load counts each delivery once", Run: receiveThroughOutage},
		{Name: "dropped data is gone, and its identities stay", Run: droppedData},
		{Name: "a limit that is zero keeps everything", Run: nothingDropped},
		{Name: "a follower gets an error for dropped events after its position, and only then", Run: droppedPositions},
		{Name: "a store of which everything was dropped goes on", Run: everythingDropped},
		{Name: "identities are dropped after the data, and then an event is stored again", Run: droppedIdentities},
		{Name: "instances that drop at the same time drop once", Run: droppedOnce},
		{Name: "retention while appends and followers run loses nothing that is not reported", Run: droppedUnderLoad},
		{Name: "an available store returns no error from ping", Run: ping},
		{Name: "every call after close returns the error for a closed store", Run: useAfterClose},
		{Name: "close waits for running appends", Run: closeWaits},
		{Name: "everything survives a restart", Run: survivesRestart},
		{Name: "every call reports an outage until it ends", Run: outage},
		{Name: "nothing acknowledged is lost in an outage under load", Run: outageUnderLoad},
	}
}

// Run runs the suite against one implementation, all cases in parallel.
func Run(t *testing.T, h Harness) {
	t.Helper()
	suitetest.Run(t, h, cases(), h.Except)
}
