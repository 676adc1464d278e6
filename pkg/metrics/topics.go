package metrics

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// topTopics is how many topics have a label of their own. Each label is a
	// series for ever; who sends chooses topics, and must not choose how many
	// series there are.
	topTopics = 20
	// otherTopics is the label of all others, and of a topic that is called so.
	otherTopics = "other"
	// topicsAge is how long an answer of the store serves further scrapes.
	topicsAge = 5 * time.Second
)

// WatchTopics asks at a scrape for the totals of all topics.
func (m *Metrics) WatchTopics(read func(context.Context) ([]store.TopicStats, error)) {
	total := describe("eventagg_topic_events_total",
		"Events of the store by topic and outcome, of all instances: the busiest topics by name, all others as other.", "topic", "outcome")
	cache := &topicCache{read: read, now: m.now}
	missing := m.missing.WithLabelValues("topics")
	m.watch(func(ctx context.Context, out chan<- prometheus.Metric) {
		rows, err := cache.rows(ctx)
		if err != nil {
			missing.Inc()
			return
		}
		for _, row := range rows {
			out <- counter(total, float64(row.Unique), row.Topic, outcomeStored)
			out <- counter(total, float64(row.Duplicates), row.Topic, outcomeDuplicate)
		}
	}, total)
}

// topicCache keeps the totals for scrapes that come close together.
type topicCache struct {
	read func(context.Context) ([]store.TopicStats, error)
	now  func() time.Time

	mu    sync.Mutex
	asked time.Time
	last  []store.TopicStats
	ranks ranking
}

// rows returns the totals by label. The lock is held while the store is asked,
// for as long as the one who asks has patience: others want the same answer.
func (c *topicCache) rows(ctx context.Context) ([]store.TopicStats, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked.IsZero() && c.now().Sub(c.asked) < topicsAge {
		return c.last, nil
	}
	topics, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	c.asked, c.last = c.now(), c.ranks.of(topics)
	return c.last, nil
}

// counts are the totals of one label.
type counts struct{ unique, duplicates int64 }

func (c counts) add(unique, duplicates int64) counts {
	return counts{c.unique + unique, c.duplicates + duplicates}
}

// ranking turns the totals of all topics into those of a bounded number of
// labels. They are counters: one that goes down is a new start for Prometheus,
// which counts all of it again, and one that jumps is a burst. So when two topics
// change places, what they had stays where it was counted. "other" is exact until
// then, and its rate always.
type ranking struct {
	named map[string]counts // the last answer's
	sum   counts            // of all topics, then
	other counts            // as told
}

// of ranks totals that are in the store's order, the busiest first.
func (r *ranking) of(topics []store.TopicStats) []store.TopicStats {
	var sum, rest, grown counts
	named := make(map[string]counts, topTopics)
	rows := make([]store.TopicStats, 0, topTopics+1)
	for _, topic := range topics {
		sum = sum.add(topic.Unique, topic.Duplicates)
		if before, was := r.named[topic.Topic]; was {
			grown = grown.add(topic.Unique-before.unique, topic.Duplicates-before.duplicates)
		}
		if len(rows) == topTopics || topic.Topic == otherTopics || !utf8.ValidString(topic.Topic) {
			rest = rest.add(topic.Unique, topic.Duplicates)
			continue
		}
		named[topic.Topic] = counts{topic.Unique, topic.Duplicates}
		rows = append(rows, store.TopicStats{Topic: topic.Topic, Unique: topic.Unique, Duplicates: topic.Duplicates})
	}
	more := sum.add(-r.sum.unique-grown.unique, -r.sum.duplicates-grown.duplicates) // of what was not named last time
	if r.named == nil || more.unique < 0 || more.duplicates < 0 {
		r.other = rest // the first answer, or other data
	} else {
		r.other = r.other.add(more.unique, more.duplicates)
	}
	r.named, r.sum = named, sum
	slices.SortFunc(rows, func(a, b store.TopicStats) int { return cmp.Compare(a.Topic, b.Topic) })
	return append(rows, store.TopicStats{Topic: otherTopics, Unique: r.other.unique, Duplicates: r.other.duplicates})
}
