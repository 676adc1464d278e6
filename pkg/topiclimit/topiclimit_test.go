package topiclimit_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/topiclimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// topics is a store that has only topics.
type topics struct {
	mu    sync.Mutex
	have  map[string]bool
	most  int // that were stored at any time
	reads int
	fail  error // of every read
	lost  bool  // appends fail and store nothing
	queue bool  // appends are queued and not stored
}

func newTopics(names ...string) *topics {
	s := &topics{have: map[string]bool{}}
	for _, name := range names {
		s.have[name] = true
	}
	return s
}

func (s *topics) KnownTopics(_ context.Context, names []string) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	known := make([]bool, len(names))
	for i, name := range names {
		known[i] = s.have[name]
	}
	return known, s.fail
}

func (s *topics) Stats(context.Context) (store.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return store.Stats{Topics: int64(len(s.have))}, s.fail
}

func (s *topics) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		switch {
		case s.lost:
			return nil, store.ErrUnavailable
		case s.queue:
			outcomes[i] = event.Queued
		default:
			outcomes[i] = event.Stored
			s.have[e.Topic] = true
		}
	}
	s.most = max(s.most, len(s.have))
	return outcomes, nil
}

// events returns events with these topics.
func events(names ...string) []event.Event {
	list := make([]event.Event, len(names))
	for i, name := range names {
		list[i] = event.Event{Topic: name, ID: fmt.Sprint(i)}
	}
	return list
}

func TestLimiter_RefusesTopicsAboveTheMaximum(t *testing.T) {
	t.Parallel()
	const s, r = event.Stored, event.TopicRefused
	for name, row := range map[string]struct {
		have    []string
		appends [][]string
		want    [][]event.Outcome
	}{
		"topics up to the maximum":           {nil, [][]string{{"a", "b"}, {"c"}}, [][]event.Outcome{{s, s}, {s}}},
		"a topic above it":                   {nil, [][]string{{"a", "b", "c"}, {"d"}}, [][]event.Outcome{{s, s, s}, {r}}},
		"the first topics of a batch":        {[]string{"a"}, [][]string{{"b", "c", "d", "b", "d", "a", "c"}}, [][]event.Outcome{{s, s, r, s, r, s, s}}},
		"topics that exist":                  {[]string{"a", "b", "c"}, [][]string{{"c"}, {"d"}, {"a", "d", "b"}}, [][]event.Outcome{{s}, {r}, {s, r, s}}},
		"more topics than the maximum exist": {[]string{"a", "b", "c", "d", "e"}, [][]string{{"e"}, {"f"}, {"a", "b", "c", "d", "e"}}, [][]event.Outcome{{s}, {r}, {s, s, s, s, s}}},
		"no event":                           {nil, [][]string{{}}, [][]event.Outcome{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := newTopics(row.have...)
			limited := topiclimit.New(topiclimit.Options{Max: 3, Store: next}).Appender(next)
			for i, names := range row.appends {
				outcomes, err := limited.Append(t.Context(), events(names...))
				if err != nil || !slices.Equal(outcomes, row.want[i]) {
					t.Errorf("append %q: got %v, %v, want %v", names, outcomes, err, row.want[i])
				}
			}
		})
	}
}

// TestLimiter_IsExactForOneInstance begins topics from many goroutines.
func TestLimiter_IsExactForOneInstance(t *testing.T) {
	t.Parallel()
	const maximum, writers, each = 500, 16, 200
	next := newTopics()
	limiter := topiclimit.New(topiclimit.Options{Max: maximum, Store: next})
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			limited := limiter.Appender(next) // each route has its own
			for i := range each {
				list := events(fmt.Sprintf("%d/%d", writer, i), fmt.Sprintf("shared %d", i), "first")
				outcomes, err := limited.Append(t.Context(), list)
				if err != nil || len(outcomes) != len(list) {
					t.Errorf("%v, %v", outcomes, err)
				}
			}
		})
	}
	group.Wait()
	if len(next.have) != maximum || next.most > maximum {
		t.Errorf("%d topics are stored, at most %d at a time, want %d", len(next.have), next.most, maximum)
	}
}

// TestLimiter_ReadsNothingForKnownTopics: appends of topics that exist must not read.
func TestLimiter_ReadsNothingForKnownTopics(t *testing.T) { //nolint:paralleltest // it counts allocations
	next := newTopics("a", "b")
	limited := topiclimit.New(topiclimit.Options{Max: 10, Store: next}).Appender(next)
	list := events("a", "b", "a", "a")
	if _, err := limited.Append(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	before := next.reads
	allocated := testing.AllocsPerRun(100, func() { _, _ = limited.Append(t.Context(), list) })
	if next.reads != before || allocated > 1 { // one for the outcomes
		t.Errorf("%d reads, %v allocations", next.reads-before, allocated)
	}
}

// TestLimiter_CountsTopicsThatAreNotStoredYet: queued topics take places, and those of
// failed appends give them back.
func TestLimiter_CountsTopicsThatAreNotStoredYet(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	next := newTopics("a")
	limited := topiclimit.New(topiclimit.Options{Max: 3, Store: next, Now: func() time.Time { return now }}).Appender(next)
	outcome := func(name string) event.Outcome {
		outcomes, err := limited.Append(t.Context(), events(name))
		if err != nil {
			return 0
		}
		return outcomes[0]
	}
	steps := []struct {
		what   string
		change func()
		topic  string
		want   event.Outcome
	}{
		{"a topic is queued", func() { next.queue = true }, "b", event.Queued},
		{"an append fails", func() { next.queue, next.lost = false, true }, "c", 0},
		{"there is no room beside them", func() { next.lost = false }, "d", event.TopicRefused},
		{"the queued topic is accepted again", func() {}, "b", event.Stored},
		{"and counts once", func() {}, "d", event.TopicRefused},
		{"what failed gives its place back after a minute", func() { now = now.Add(2 * time.Minute) }, "d", event.Stored},
		{"the store is full", func() {}, "e", event.TopicRefused},
		{"while it is unavailable no topic is refused", func() { next.fail, next.queue = store.ErrUnavailable, true }, "e", event.Queued},
		{"nor right afterwards", func() { next.fail = nil }, "f", event.Queued},
		{"then they are counted again", func() { now = now.Add(2 * time.Second) }, "g", event.TopicRefused},
	}
	for _, step := range steps {
		step.change()
		if got := outcome(step.topic); got != step.want {
			t.Fatalf("%s: topic %s is %v, want %v", step.what, step.topic, got, step.want)
		}
	}
}

// TestLimiter_ManyTopics begins more topics than it remembers at once.
func TestLimiter_ManyTopics(t *testing.T) {
	t.Parallel()
	const maximum, size = 120_000, 4000
	next := newTopics()
	limited := topiclimit.New(topiclimit.Options{Max: maximum, Store: next}).Appender(next)
	names := make([]string, size)
	for begin := 0; begin < maximum+size; begin += size {
		for i := range names {
			names[i] = fmt.Sprint("topic ", begin+i)
		}
		outcomes, err := limited.Append(t.Context(), events(names...))
		want := event.Stored
		if begin >= maximum {
			want = event.TopicRefused
		}
		if err != nil || slices.ContainsFunc(outcomes, func(o event.Outcome) bool { return o != want }) {
			t.Fatalf("from %d: %v", begin, err)
		}
	}
}
