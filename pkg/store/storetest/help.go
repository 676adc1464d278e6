package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// newEvent makes an event for tests in which only the key matters.
func newEvent(topic, id string) event.Event {
	return event.Event{
		Topic: topic, ID: id, Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 123456000, time.UTC),
		Source: "storetest", Payload: `{"id":"` + id + `"}`,
	}
}

// newEvents makes events of one topic with different IDs.
func newEvents(topic string, count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = newEvent(topic, fmt.Sprintf("%06d", i))
	}
	return events
}

func mustAppend(t rapid.TB, s store.Appender, events ...event.Event) []event.Outcome {
	t.Helper()
	outcomes, err := s.Append(context.Background(), events)
	if err != nil {
		t.Fatalf("append of %d events: %v", len(events), err)
	}
	if len(outcomes) != len(events) {
		t.Fatalf("append of %d events returned %d outcomes", len(events), len(outcomes))
	}
	return outcomes
}

func mustStats(t rapid.TB, s store.StatsReader) store.Stats {
	t.Helper()
	stats, err := s.Stats(context.Background())
	if err != nil {
		t.Fatalf("stats: %v", err)
	}
	return stats
}

func mustTopicStats(t rapid.TB, s store.StatsReader) []store.TopicStats {
	t.Helper()
	topics, err := s.TopicStats(context.Background(), store.TopicQuery{})
	if err != nil {
		t.Fatalf("stats of topics: %v", err)
	}
	return topics
}

func mustEvent(t rapid.TB, s store.EventReader, key event.Key) store.Record {
	t.Helper()
	record, err := s.Event(context.Background(), key)
	if err != nil {
		t.Fatalf("event %q: %v", key, err)
	}
	return record
}

func mustOlder(t rapid.TB, s store.EventReader, f store.Filter, before store.Position, limit int) (records []store.Record, more bool) {
	t.Helper()
	records, more, err := s.Older(context.Background(), f, before, limit)
	if err != nil {
		t.Fatalf("events before %v: %v", before, err)
	}
	checkPage(t, records, limit)
	if more && len(records) == 0 {
		t.Fatalf("there are more events before %v, but the page is empty", before)
	}
	return records, more
}

// checkPage checks the limits of a page.
func checkPage(t rapid.TB, records []store.Record, limit int) {
	t.Helper()
	if len(records) > limit {
		t.Fatalf("%d events for a limit of %d", len(records), limit)
	}
	size := 0
	for i, record := range records {
		if size >= store.PageBytes {
			t.Fatalf("the page has %d events, but the first %d have %d bytes already", len(records), i, size)
		}
		size += record.Size()
	}
}

func mustNewer(t rapid.TB, s store.EventReader, f store.Filter, after store.Position, limit int) ([]store.Record, store.Position) {
	t.Helper()
	records, next, err := s.Newer(context.Background(), f, after, limit)
	if err != nil {
		t.Fatalf("events after %v: %v", after, err)
	}
	checkPage(t, records, limit)
	return records, next
}

func mustStableHead(t rapid.TB, s store.EventReader) store.Position {
	t.Helper()
	position, err := s.StableHead(context.Background())
	if err != nil {
		t.Fatalf("stable position: %v", err)
	}
	return position
}

// walk reads everything before a position, page by page, newest first. If a page
// says that there is more, there must be.
func walk(t rapid.TB, s store.EventReader, f store.Filter, before store.Position, page int) []store.Record {
	t.Helper()
	var all []store.Record
	for {
		records, more := mustOlder(t, s, f, before, page)
		if len(records) == 0 && len(all) > 0 {
			t.Fatalf("there should be more events before %v, but there are none", before)
		}
		all = append(all, records...)
		if !more {
			return all
		}
		last := records[len(records)-1].Position
		if !before.IsZero() && last.Compare(before) >= 0 {
			t.Fatalf("the position after %v is %v, which is not older", before, last)
		}
		before = last
	}
}

// walkAll reads all events, newest first.
func walkAll(t rapid.TB, s store.EventReader) []store.Record {
	t.Helper()
	return walk(t, s, store.Filter{}, store.Position{}, 1000)
}

// follow polls for newer events until it has want of them, oldest first.
func follow(t *testing.T, s store.EventReader, f store.Filter, after store.Position, page, want int) []store.Record {
	t.Helper()
	var seen []store.Record
	suitetest.Eventually(t, fmt.Sprintf("a follower gets %d events", want), func() bool {
		records, next := mustNewer(t, s, f, after, page)
		if next.Compare(after) < 0 {
			t.Fatalf("the next position %[2]v is before %[1]v", after, next)
		}
		seen, after = append(seen, records...), next
		return len(seen) >= want
	})
	return seen
}

// checkExact compares the counters with the number of stored events. An append whose
// caller was cancelled can end later, in the middle of these reads, so they are
// repeated until the counters are the same before and after.
func checkExact(t rapid.TB, s store.Store) store.Stats {
	t.Helper()
	for {
		stats, rows, topics := mustStats(t, s), int64(len(walkAll(t, s))), mustTopicStats(t, s)
		if stats == mustStats(t, s) {
			checkSums(t, stats, rows, topics)
			return stats
		}
	}
}

// checkSums compares the totals with the number of stored events and with the
// counters of the topics.
func checkSums(t rapid.TB, stats store.Stats, rows int64, topics []store.TopicStats) {
	t.Helper()
	if stats.Kept != rows {
		t.Errorf("the counter of events with data is %d, but there are %d", stats.Kept, rows)
	}
	if stats.Received != stats.Stored+stats.Duplicates {
		t.Errorf("received is not stored plus duplicates: %+v", stats)
	}
	var stored, duplicates, conflicts int64
	for _, topic := range topics {
		stored += topic.Stored
		duplicates += topic.Duplicates
		conflicts += topic.Conflicts
	}
	if stored != stats.Stored || duplicates != stats.Duplicates || conflicts != stats.Conflicts || int64(len(topics)) != stats.Topics {
		t.Errorf("the topics add up to %d stored, %d duplicates, %d conflicts in %d topics; the totals are %+v", stored, duplicates, conflicts, len(topics), stats)
	}
}

func checkOutcomes(t rapid.TB, got []event.Outcome, want ...event.Outcome) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("outcomes (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// checkRecords compares records with the expected events, in order.
func checkRecords(t rapid.TB, records []store.Record, want []event.Event) {
	t.Helper()
	got := make([]event.Event, len(records))
	for i, record := range records {
		got[i] = record.Event
	}
	if slices.Equal(got, want) {
		return
	}
	if len(want)+len(got) > 100 { // too long to read
		t.Errorf("got %d events, and they differ from the %d expected", len(got), len(want))
		return
	}
	t.Errorf("events (-want +got):\n%s", cmp.Diff(want, got))
}

// reversed returns the events in the opposite order.
func reversed[E any](items []E) []E {
	items = slices.Clone(items)
	slices.Reverse(items)
	return items
}

// repeat returns count times the same outcome.
func repeat(outcome event.Outcome, count int) []event.Outcome {
	return slices.Repeat([]event.Outcome{outcome}, count)
}

// checkAscending fails if the positions are not ascending.
func checkAscending(t rapid.TB, records []store.Record) {
	t.Helper()
	for i := 1; i < len(records); i++ {
		if records[i-1].Position.Compare(records[i].Position) >= 0 {
			t.Fatalf("position %v comes before %v", records[i-1].Position, records[i].Position)
		}
	}
}
