package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

func mustDuplicates(t *testing.T, s store.DuplicateReader, query store.DuplicateQuery) []store.DuplicateReport {
	t.Helper()
	reports, err := s.Duplicates(context.Background(), query)
	if err != nil {
		t.Fatalf("reports of duplicates: %v", err)
	}
	if query.Limit > 0 && len(reports) > query.Limit {
		t.Fatalf("%d reports for a limit of %d", len(reports), query.Limit)
	}
	return reports
}

// waitForReports polls until the sum of all repeats is that number, because reports are
// written behind the appends.
func waitForReports(t *testing.T, s store.DuplicateReader, repeats int64) []store.DuplicateReport {
	t.Helper()
	var reports []store.DuplicateReport
	suitetest.Eventually(t, fmt.Sprintf("the reports count %d repeats", repeats), func() bool {
		reports = mustDuplicates(t, s, store.DuplicateQuery{})
		sum := int64(0)
		for _, r := range reports {
			sum += r.Repeats
		}
		return sum == repeats
	})
	return reports
}

// reportsSayWhat repeats events alone, in batches and after a restart, and compares the
// reports with what was sent.
func reportsSayWhat(t *testing.T, h Harness) {
	s := h.Open(t)
	began := mustNow(t, s)
	from := func(source string, e event.Event) event.Event { e.Source = source; return e }
	plain, other, uuid := newEvent("login", "plain"), newEvent("login", "other"), newEvent("order 1'", "9c4d3a52-7d0e-4f63-8f39-0c5b7e9f9c01")
	never := newEvent("login", "never")
	mustAppend(t, s, plain, other, uuid, never)
	mustAppend(t, s, plain)
	mustAppend(t, s, plain, from("web 2", other), uuid, from("web 2", other), from("web 3", other))
	changed := plain
	changed.Timestamp, changed.Payload = plain.Timestamp.Add(time.Second), `{"id":"plain","more":[1]}`
	waitForReports(t, s, 6)
	s = h.Reopen(t, s)
	mustAppend(t, s, changed)
	mustAppend(t, s, uuid)
	got := waitForReports(t, s, 8)
	want := []store.DuplicateReport{
		{Key: plain.Key(), Repeats: 3, Conflicts: 1, Sources: []string{"storetest"}, Differing: []string{"payload.more", "timestamp"}},
		{Key: other.Key(), Repeats: 3, Conflicts: 3, Sources: []string{"web 2", "web 3"}, Differing: []string{"source"}},
		{Key: uuid.Key(), Repeats: 2, Sources: []string{"storetest"}},
	}
	slices.SortFunc(want, byKey)
	slices.SortFunc(got, byKey)
	for i := range got {
		slices.Sort(got[i].Differing)
		slices.Sort(got[i].Sources)
		if r := got[i]; r.FirstSeen.Before(began.Add(-time.Second)) || r.LastSeen.Before(r.FirstSeen) || r.FirstSeen.Location() != time.UTC {
			t.Errorf("%v was repeated from %v to %v, and the test began at %v", r.Key, r.FirstSeen, r.LastSeen, began)
		}
		got[i].FirstSeen, got[i].LastSeen = time.Time{}, time.Time{}
		if len(got[i].Differing) == 0 {
			got[i].Differing = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	checkExact(t, s)
}

// mustNow returns the time of the store's clock.
func mustNow(t *testing.T, s store.Store) time.Time {
	t.Helper()
	e := newEvent("clock", fmt.Sprint(time.Now().UnixNano()))
	mustAppend(t, s, e)
	return mustEvent(t, s, e.Key()).CreatedAt
}

func byKey(a, b store.DuplicateReport) int { return a.Compare(b.Key) }

// reportPages lists the reports in pages of each size, of one topic, and conflicts only.
func reportPages(t *testing.T, h Harness) {
	s := h.Open(t)
	const count = 12
	for _, topic := range []string{"a", "b"} {
		events := newEvents(topic, count)
		mustAppend(t, s, events...)
		for i := range events {
			if i%3 == 0 {
				events[i].Payload = "{}"
			}
		}
		mustAppend(t, s, events...)
	}
	all := waitForReports(t, s, 2*count)
	if !slices.IsSortedFunc(all, func(a, b store.DuplicateReport) int { return b.LastSeen.Compare(a.LastSeen) }) {
		t.Error("the reports are not sorted by their latest repeat")
	}
	only := func(keep func(store.DuplicateReport) bool) []store.DuplicateReport {
		return slices.DeleteFunc(slices.Clone(all), func(r store.DuplicateReport) bool { return !keep(r) })
	}
	for name, row := range map[string]struct {
		query store.DuplicateQuery
		want  []store.DuplicateReport
		rows  int
	}{
		"all":                    {store.DuplicateQuery{}, all, 2 * count},
		"one topic":              {store.DuplicateQuery{Topic: "a"}, only(func(r store.DuplicateReport) bool { return r.Topic == "a" }), count},
		"conflicts":              {store.DuplicateQuery{Conflicts: true}, only(func(r store.DuplicateReport) bool { return r.Conflicts > 0 }), 2 * count / 3},
		"conflicts of one topic": {store.DuplicateQuery{Topic: "b", Conflicts: true}, only(func(r store.DuplicateReport) bool { return r.Topic == "b" && r.Conflicts > 0 }), count / 3},
		"a topic without any":    {store.DuplicateQuery{Topic: "c"}, nil, 0},
	} {
		if len(row.want) != row.rows {
			t.Errorf("%s: %d reports, want %d", name, len(row.want), row.rows)
		}
		for _, limit := range []int{0, 1, 5, 100} {
			var got []store.DuplicateReport
			query := row.query
			for query.Limit = limit; ; query.After = got[len(got)-1] {
				page := mustDuplicates(t, s, query)
				got = append(got, page...)
				if limit == 0 || len(page) < limit {
					break
				}
			}
			if diff := cmp.Diff(row.want, got, cmp.Transformer("key", func(r store.DuplicateReport) event.Key { return r.Key })); diff != "" {
				t.Errorf("%s in pages of %d (-want +got):\n%s", name, limit, diff)
			}
		}
	}
}

// reportsOfDeliveries receives deliveries with repeats. What the queue delivers again was
// not repeated by its sender, so it is not reported.
func reportsOfDeliveries(t *testing.T, h Harness) {
	s := h.Open(t)
	e := newEvent("login", "1")
	first, second := newDelivery(1, e), newDelivery(2, e, e)
	for range 3 {
		if _, err := s.Receive(t.Context(), []store.Delivery{first, second}); err != nil {
			t.Fatal(err)
		}
	}
	if reports := waitForReports(t, s, 2); len(reports) != 1 || reports[0].Key != e.Key() {
		t.Errorf("the reports are %+v", reports)
	}
}

// reportsSurviveClose closes a store at once after duplicates.
func reportsSurviveClose(t *testing.T, h Harness) {
	s := h.Open(t)
	events := newEvents("login", 300)
	mustAppend(t, s, events...)
	mustAppend(t, s, events...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reports := mustDuplicates(t, h.Reopen(t, s), store.DuplicateQuery{})
	if len(reports) != len(events) {
		t.Errorf("%d reports after a restart, want %d", len(reports), len(events))
	}
}

// CheckReportLimits checks that a store keeps the newest reports up to its limits. open
// opens a new store with these limits.
func CheckReportLimits(t *testing.T, open func(t *testing.T, perTopic, total int) store.Store) {
	t.Helper()
	for name, row := range map[string]struct {
		perTopic, total int
		want            map[string]int // number of reports of a topic, and of conflicts
	}{
		"of each topic and kind": {7, 1000, map[string]int{"a": 14, "b": 14, "conflicts of a": 7}},
		"of all topics":          {1000, 25, map[string]int{"": 25, "b": 25}},
		"none are reached":       {1000, 1000, map[string]int{"": 120, "a": 60, "conflicts of b": 20}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, row.perTopic, row.total)
			repeated := map[event.Key]bool{}
			for _, topic := range []string{"a", "b"} { // topic b is the newer one
				events := newEvents(topic, 60)
				mustAppend(t, s, events...)
				for i := range events {
					if i%3 == 0 {
						events[i].Payload = "{}"
					}
					mustAppend(t, s, events[i])
					repeated[events[i].Key()] = true
				}
				mustDuplicates(t, s, store.DuplicateQuery{}) // writes them
			}
			for of, want := range row.want {
				topic, conflicts := strings.CutPrefix(of, "conflicts of ")
				suitetest.Eventually(t, fmt.Sprintf("%d reports of %q", want, of), func() bool {
					return len(mustDuplicates(t, s, store.DuplicateQuery{Topic: topic, Conflicts: conflicts})) == want
				})
			}
			reports := mustDuplicates(t, s, store.DuplicateQuery{Topic: "b"})
			for i, r := range reports {
				if newest := fmt.Sprintf("%06d", 59); i == 0 && r.ID != newest {
					t.Errorf("the newest report is about %s, want %s", r.ID, newest)
				}
				if !repeated[r.Key] || r.Repeats != 1 {
					t.Errorf("a wrong report: %+v", r)
				}
			}
		})
	}
}
