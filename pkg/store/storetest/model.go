package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
	"github.com/eventagg/eventagg/pkg/store"
)

// model is a simple store in memory. The others must agree with it.
type model struct {
	events []event.Event // in the order stored
	byKey  map[event.Key]event.Event
	topics map[string]*store.TopicStats
}

func newModel() *model {
	return &model{byKey: map[event.Key]event.Event{}, topics: map[string]*store.TopicStats{}}
}

func (m *model) append(events []event.Event) []event.Outcome {
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		topic, known := m.topics[e.Topic]
		if !known {
			topic = &store.TopicStats{Topic: e.Topic}
			m.topics[e.Topic] = topic
		}
		if first, known := m.byKey[e.Key()]; known {
			outcomes[i] = event.Duplicate
			topic.Duplicates++
			if first != e { // payloads are equal bytewise or differ in a number
				outcomes[i] = event.Conflict
				topic.Conflicts++
			}
			continue
		}
		outcomes[i] = event.Stored
		topic.Stored++
		m.byKey[e.Key()] = e
		m.events = append(m.events, e)
	}
	return outcomes
}

// stats returns the totals.
func (m *model) stats() store.Stats {
	sum := store.Stats{Topics: int64(len(m.topics))}
	for _, topic := range m.topics {
		sum.Stored += topic.Stored
		sum.Kept += topic.Stored
		sum.Duplicates += topic.Duplicates
		sum.Conflicts += topic.Conflicts
		sum.Received += topic.Stored + topic.Duplicates
	}
	return sum
}

// topicStats returns the totals of each topic, busiest first.
func (m *model) topicStats() []store.TopicStats {
	rows := make([]store.TopicStats, 0, len(m.topics))
	for _, topic := range m.topics {
		rows = append(rows, *topic)
	}
	slices.SortFunc(rows, compareTopics)
	return rows
}

func compareTopics(a, b store.TopicStats) int {
	return cmp.Or(cmp.Compare(b.Stored+b.Duplicates, a.Stored+a.Duplicates), strings.Compare(a.Topic, b.Topic))
}

// countersFollowModel runs many short random histories against one store. Each
// has topics of its own, so that a failing history can be shrunk.
func countersFollowModel(t *testing.T, h Harness) {
	s := h.Open(t)
	history := 0
	rapid.Check(t, func(t *rapid.T) {
		history++
		prefix := fmt.Sprintf("history %d/", history)
		m, before := newModel(), mustStats(t, s)
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			batch := rapid.SliceOfN(smallEvents(prefix), 0, 12).Draw(t, "batch")
			checkOutcomes(t, mustAppend(t, s, batch...), m.append(batch)...)
			compareStats(t, s, m, before, prefix)
			records, _ := mustOlder(t, s, store.Filter{}, store.Position{}, len(m.events)+1)
			checkRecords(t, reversed(records[:min(len(records), len(m.events))]), m.events)
		}
		for key, want := range m.byKey {
			if got := mustEvent(t, s, key); got.Event != want {
				t.Errorf("read %q, got %+v, want %+v", key, got.Event, want)
			}
		}
	})
	checkExact(t, s)
}

// largeBatchesFollowModel appends batches of many sizes in which no, some, most or all
// events are repeats, of earlier batches and of the same one: a store can have a faster
// way for each.
func largeBatchesFollowModel(t *testing.T, h Harness) {
	s := h.Open(t)
	m := newModel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, newInTen := range []int{10, 7, 1, 0, 9, 5, 10, 0, 3} {
		for _, size := range []int{1, 2, 7, 63, 64, 65, 127, 200, 500} {
			batch := make([]event.Event, size)
			for i := range batch {
				e := newEvent(fmt.Sprint("topic ", random.IntN(5)), fmt.Sprint(random.Uint64()))
				if random.IntN(10) >= newInTen && len(m.events) > 0 {
					e = m.events[random.IntN(len(m.events))]
					if i > 0 && random.IntN(2) == 0 {
						e = batch[random.IntN(i)]
					}
				}
				e.Payload = fmt.Sprintf(`{"draw":%d}`, random.Uint64())
				batch[i] = e
			}
			checkOutcomes(t, mustAppend(t, s, batch...), m.append(batch)...)
		}
	}
	compareStats(t, s, m, store.Stats{}, "")
	checkRecords(t, reversed(walkAll(t, s)), m.events)
	checkExact(t, s)
}

// smallEvents generates events with few keys, so that duplicates are frequent.
// Payloads differ, so that a test can see which event was kept.
func smallEvents(prefix string) *rapid.Generator[event.Event] {
	return rapid.Custom(func(t *rapid.T) event.Event {
		e := newEvent(prefix+rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "topic"),
			rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"}).Draw(t, "id"))
		e.Payload = fmt.Sprintf(`{"draw":%d}`, rapid.IntRange(0, 1_000_000).Draw(t, "payload"))
		return e
	})
}

// compareStats compares the change of the counters since before with the model.
func compareStats(t rapid.TB, s store.Store, m *model, before store.Stats, prefix string) {
	t.Helper()
	after, want := mustStats(t, s), m.stats()
	got := store.Stats{
		Received: after.Received - before.Received, Stored: after.Stored - before.Stored, Kept: after.Kept - before.Kept,
		Duplicates: after.Duplicates - before.Duplicates, Conflicts: after.Conflicts - before.Conflicts, Topics: after.Topics - before.Topics,
	}
	if got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	all := mustTopicStats(t, s)
	if !slices.IsSortedFunc(all, compareTopics) {
		t.Errorf("topics are out of order: %+v", all)
	}
	var topics []store.TopicStats
	for _, topic := range all {
		if strings.HasPrefix(topic.Topic, prefix) {
			if topic.FirstSeen.IsZero() || topic.LastSeen.Before(topic.FirstSeen) {
				t.Errorf("topic seen from %v to %v", topic.FirstSeen, topic.LastSeen)
			}
			topic.FirstSeen, topic.LastSeen = time.Time{}, time.Time{}
			topics = append(topics, topic)
		}
	}
	if want := m.topicStats(); !slices.Equal(topics, want) {
		t.Errorf("topics are %+v, want %+v", topics, want)
	}
}

// everyEventComesBack generates difficult valid events. A store must store every
// valid event and return it equal.
func everyEventComesBack(t *testing.T, h Harness) {
	s := h.Open(t)
	rapid.Check(t, func(t *rapid.T) {
		batch := rapid.SliceOfNDistinct(eventtest.Events(), 1, 5, event.Event.Key).Draw(t, "batch")
		outcomes := mustAppend(t, s, batch...)
		var stored []event.Event
		again := repeat(event.Duplicate, len(batch))
		for i, e := range batch {
			record := mustEvent(t, s, e.Key())
			if !digest.Same(&record.Event, &e) {
				again[i] = event.Conflict
			}
			if outcomes[i] == event.Stored {
				stored = append(stored, e)
			} else if record.Event != e { // generated before, with other fields
				continue
			}
			if record.Event != e {
				t.Errorf("stored %+v, read %+v", e, record.Event)
			}
			if record.CreatedAt.Location() != time.UTC || record.CreatedAt.Nanosecond()%1000 != 0 {
				t.Errorf("created at %v, want UTC and whole microseconds", record.CreatedAt)
			}
		}
		if len(stored) > 0 {
			records, _ := mustOlder(t, s, store.Filter{}, store.Position{}, len(stored))
			checkRecords(t, reversed(records), stored)
		}
		checkOutcomes(t, mustAppend(t, s, batch...), again...)
	})
	checkExact(t, s)
}

// acceptedComesBack appends the seeds of the fuzz tests that decode. It appends
// them one by one, so that a failure names the text.
func acceptedComesBack(t *testing.T, h Harness) {
	s := h.Open(t)
	var accepted []event.Event
	known := map[event.Key]bool{}
	for i, text := range eventtest.Seeds() {
		e, err := codec.Decode([]byte(text))
		if err != nil {
			continue
		}
		if known[e.Key()] { // only the other fields matter
			e.ID = fmt.Sprint("seed ", i)
		}
		known[e.Key()] = true
		accepted = append(accepted, e)
		outcomes, err := s.Append(t.Context(), []event.Event{e})
		if err != nil || !slices.Equal(outcomes, []event.Outcome{event.Stored}) {
			t.Fatalf("the event is valid, but the append returned %v, %v: %.300q", outcomes, err, text)
		}
		if record := mustEvent(t, s, e.Key()); record.Event != e {
			t.Errorf("decoded %.300q to %+v, read %+v", text, e, record.Event)
		}
	}
	if least := 100; len(accepted) < least {
		t.Fatalf("only %d texts are valid, want at least %d", len(accepted), least)
	}
	checkOutcomes(t, mustAppend(t, s, accepted...), repeat(event.Duplicate, len(accepted))...)
	checkRecords(t, reversed(walkAll(t, s)), accepted)
	checkExact(t, s)
}

func topicOrder(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvents("quiet", 1)...)
	mustAppend(t, s, newEvents("busy", 5)...)
	mustAppend(t, s, newEvents("even b", 3)...)
	mustAppend(t, s, newEvents("even a", 3)...)
	for range 9 {
		mustAppend(t, s, newEvents("quiet", 1)...) // duplicates make it the busiest
	}
	var names []string
	for _, topic := range mustTopicStats(t, s) {
		names = append(names, topic.Topic)
	}
	if want := []string{"quiet", "busy", "even a", "even b"}; !slices.Equal(names, want) {
		t.Errorf("topics in the order %q, want %q", names, want)
	}
}

func topicPages(t *testing.T, h Harness) {
	s := h.Open(t)
	// Many topics have equal numbers. Names differ in case, length and alphabet.
	for i, name := range []string{"a", "B", "b", "aa", "é", "z", "Z", "%", "_", "0", "名前", "a b"} {
		mustAppend(t, s, newEvents(name, 1+i%3)...)
		mustAppend(t, s, newEvents(name, i%2)...)
	}
	all := mustTopicStats(t, s)
	for limit := range len(all) + 2 {
		var rows []store.TopicStats
		for query := (store.TopicQuery{Limit: limit}); ; query.After = rows[len(rows)-1] {
			page, err := s.TopicStats(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, page...)
			if limit > 0 && len(page) > limit {
				t.Errorf("a page of %d topics has %d", limit, len(page))
			}
			if limit == 0 || len(page) < limit {
				break
			}
		}
		if !slices.Equal(rows, all) {
			t.Errorf("pages of %d topics are %+v, want %+v", limit, rows, all)
		}
	}
	for _, want := range all {
		got, err := s.TopicStats(t.Context(), store.TopicQuery{Topic: want.Topic, Limit: 1})
		if err != nil || !slices.Equal(got, []store.TopicStats{want}) {
			t.Errorf("topic %q: %+v, %v, want %+v", want.Topic, got, err, want)
		}
	}
	for _, name := range []string{"A", "aaa", " a", "none"} {
		if got, err := s.TopicStats(t.Context(), store.TopicQuery{Topic: name}); err != nil || len(got) != 0 {
			t.Errorf("topic %q: %+v, %v, want no row", name, got, err)
		}
	}
}

func emptyStore(t *testing.T, h Harness) {
	s := h.Open(t)
	if stats := checkExact(t, s); stats != (store.Stats{}) {
		t.Errorf("an empty store has the counters %+v", stats)
	}
	if records, _ := mustNewer(t, s, store.Filter{}, mustStableHead(t, s), 10); len(records) != 0 {
		t.Errorf("an empty store has the events %+v", records)
	}
}
