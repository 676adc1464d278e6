// Package audittest is the conformance suite of the contract in package audit. It damages
// a database in every way that the package knows, and looks for what the audit reports.
package audittest

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/audit"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// Harness is how the suite creates, damages and audits databases.
type Harness struct {
	// Open returns an empty store. The harness closes it when the test ends.
	Open func(t *testing.T) store.Store
	// Audit opens the database of a store for an audit. The store stays open. The
	// harness closes it when the test ends.
	Audit func(t *testing.T, s store.Store) audit.Source
	// Age returns what drops old data of a store, and a moment such that all present
	// events can be dropped as older.
	Age func(t *testing.T, s store.Store) (store.Retainer, time.Time)
	// Execute runs SQL statements in the database of a store, as an operator does.
	Execute func(t *testing.T, s store.Store, statements ...string)
	// Damages are the SQL statements of each damage, by its name in [Damages]. They
	// damage the event with [VictimKey], or what belongs to it.
	Damages map[string][]string
	// Except maps names of cases to skip to the reason.
	Except map[string]string
}

// Damage is a change of a database by hand, and what the audit must report.
type Damage struct {
	// Name is a sentence that states the damage.
	Name string
	// Kind is a kind of difference that must be found.
	Kind audit.Kind
	// Key is set if the difference must have the key of the event.
	Key bool
	// Topic is set if the difference must have the topic.
	Topic bool
}

// Damages are the damages that every Source must find. A harness has the statements for
// each, or an exception.
func Damages() []Damage {
	return []Damage{
		{Name: "the row of an event is removed", Kind: audit.IdentityWithoutEvent, Key: true},
		{Name: "a payload is changed", Kind: audit.DigestDiffers, Key: true},
		{Name: "a source is changed", Kind: audit.DigestDiffers, Key: true},
		{Name: "a timestamp is changed", Kind: audit.DigestDiffers, Key: true},
		{Name: "a digest is changed", Kind: audit.DigestDiffers, Key: true},
		{Name: "the counter of a topic is changed", Kind: audit.CounterDiffers, Topic: true},
		{Name: "the counter of duplicates is changed", Kind: audit.CounterDiffers},
		{Name: "a total is changed", Kind: audit.CounterDiffers},
		{Name: "an identity without an event is added", Kind: audit.IdentityWithoutEvent, Topic: true},
		{Name: "the identity of an event is removed", Kind: audit.EventWithoutIdentity, Key: true},
		{Name: "an event is stored a second time", Kind: audit.EventTwice, Key: true},
		{Name: "the key of an event is changed", Kind: audit.IdentityWithoutEvent, Key: true},
		{Name: "a topic is removed", Kind: audit.UnknownTopic},
		{Name: "a report of duplicates without an identity is added", Kind: audit.ReportDiffers, Topic: true},
		{Name: "the order of events is changed", Kind: audit.OrderDiffers},
		{Name: "the number of a transaction is used twice", Kind: audit.NumberTwice},
		{Name: "a row of the log is removed", Kind: audit.OrderDiffers},
		{Name: "the count of a row of the log is changed", Kind: audit.CommitDiffers, Topic: true},
		{Name: "a tick is removed", Kind: audit.OrderDiffers},
		{Name: "a tick ends earlier", Kind: audit.OrderDiffers},
		{Name: "a tick ends later", Kind: audit.OrderDiffers},
		{Name: "a tick begins later", Kind: audit.OrderDiffers},
		{Name: "a partition is detached", Kind: audit.PartitionDiffers},
		{Name: "a partition is missing in the list", Kind: audit.PartitionDiffers},
	}
}

// VictimKey is the key of the event that is damaged. It is in the middle of others.
func VictimKey() event.Key {
	return event.Key{Topic: "orders", ID: "01890a5d-ac96-774b-bcce-b302099a8057"}
}

func cases() []suitetest.Case[Harness] {
	all := []suitetest.Case[Harness]{
		{Name: "an empty store has no differences", Run: emptyStore},
		{Name: "a store with repeats and conflicts has no differences", Run: healthy},
		{Name: "appends during an audit make no difference", Run: underLoad},
		{Name: "an audit covers what was stored when it began", Run: bounded},
		{Name: "an audit that continues from its state has the same result", Run: resumed},
		{Name: "what retention drops makes no difference", Run: retained},
		{Name: "an identity that was dropped with its event makes no difference", Run: identitiesRetained},
		{Name: "retention during an audit makes no difference", Run: retainedUnderLoad},
		{Name: "a row that is removed after retention is found", Run: removedAfterRetention},
		{Name: "deliveries are listed in pages", Run: deliveries},
	}
	for _, d := range Damages() {
		all = append(all, suitetest.Case[Harness]{Name: d.Name, Run: func(t *testing.T, h Harness) { damaged(t, h, d) }})
	}
	return all
}

// Run runs the suite against one implementation, all cases in parallel.
func Run(t *testing.T, h Harness) {
	t.Helper()
	suitetest.Run(t, h, cases(), h.Except)
}

// damaged damages a database, and looks for the difference.
func damaged(t *testing.T, h Harness, d Damage) {
	t.Helper()
	s := h.Open(t)
	fill(t, s)
	statements := h.Damages[d.Name]
	if len(statements) == 0 {
		t.Fatal("the harness has no statements for this damage")
	}
	h.Execute(t, s, statements...)
	state := run(t, h.Audit(t, s), audit.Options{MaxListed: 1000})
	found := false
	for _, difference := range state.Listed {
		t.Logf("%s: %s %q %q: %s", difference.Check, difference.Kind, difference.Topic, difference.ID, difference.Detail)
		found = found || difference.Kind == d.Kind &&
			(!d.Key || difference.Topic == VictimKey().Topic && difference.ID == VictimKey().ID) &&
			(!d.Topic || difference.Topic == VictimKey().Topic)
	}
	if !found || state.Differences() == 0 {
		t.Errorf("the audit did not report %q", d.Kind)
	}
}

// run runs all checks of a source to their end.
func run(t *testing.T, source audit.Source, options audit.Options) *audit.State {
	t.Helper()
	bound, err := source.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checks, err := source.Checks(bound)
	if err != nil {
		t.Fatal(err)
	}
	state := &audit.State{Bound: bound}
	if err := audit.Run(t.Context(), checks, state, options); err != nil {
		t.Fatal(err)
	}
	if !state.Done() {
		t.Error("the audit is not complete")
	}
	return state
}

// wantNone fails the test if an audit found differences.
func wantNone(t *testing.T, state *audit.State) {
	t.Helper()
	for _, d := range state.Listed {
		t.Errorf("%s: %s %q %q: %s", d.Check, d.Kind, d.Topic, d.ID, d.Detail)
	}
	if state.Differences() != int64(len(state.Listed)) {
		t.Errorf("%d differences, of which %d are listed", state.Differences(), len(state.Listed))
	}
}

// newEvents returns events of a topic. Their IDs are a text and a number.
func newEvents(topic, prefix string, count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = event.Event{
			Topic: topic, ID: fmt.Sprintf("%s-%d", prefix, i), Timestamp: time.Date(2025, 12, 19, 12, 0, i%60, 123000, time.UTC),
			Source: "web-1", Payload: fmt.Sprintf(`{"n":%d,"text":"é \u0001"}`, i),
		}
	}
	return events
}

// fill stores events of several topics in several transactions, with repeats and
// conflicts, so that each is in a tick.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	batches := [][]event.Event{
		newEvents("orders", "a", 20), newEvents("Ünïcode topic", "b", 3), append(newEvents("orders", "c", 5), newEvents("logins", "c", 5)...),
		{victim()}, newEvents("orders", "d", 1), newEvents("logins", "e", 50), newEvents("orders", "a", 10), newEvents("logins", "f", 1),
	}
	conflict := victim()
	conflict.Payload = `{"other":true}`
	for _, events := range append(batches, []event.Event{conflict}, newEvents("orders", "g", 2)) {
		if _, err := s.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		if _, err := s.StableHead(t.Context()); err != nil { // makes a tick, if the store has any
			t.Fatal(err)
		}
	}
}

func victim() event.Event {
	e := newEvents(VictimKey().Topic, "", 1)[0]
	e.ID = VictimKey().ID
	return e
}
