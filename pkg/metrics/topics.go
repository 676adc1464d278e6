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
	// topTopics is the maximum number of topics with their own label. Each label
	// is a series for ever, and senders choose the topics; without a maximum they
	// would choose the number of series, too.
	topTopics = 20
	// otherTopics is the label of all other topics, and of a topic with that name.
	otherTopics = "other"
	// topicsMaxAge is how long scrapes use the totals of one read.
	topicsMaxAge = 5 * time.Second
)

// WatchTopics reads the totals of all topics at a scrape.
func (m *Metrics) WatchTopics(read func(context.Context) ([]store.TopicStats, error)) {
	total := describe("eventagg_topic_events_total",
		"Events in the database by topic and outcome, all instances. The 20 busiest topics have their own label, the label other sums the rest.", "topic", "outcome")
	cache := &topicCache{read: read, now: m.now}
	scrapeErrors := m.scrapeErrors.WithLabelValues("topics")
	m.collect(func(ctx context.Context, out chan<- prometheus.Metric) {
		rows, err := cache.rows(ctx)
		if err != nil {
			scrapeErrors.Inc()
			return
		}
		for _, row := range rows {
			out <- counter(total, float64(row.Stored), row.Topic, outcomeStored)
			out <- counter(total, float64(row.Duplicates), row.Topic, outcomeDuplicate)
		}
	}, total)
}

// topicCache keeps the totals for scrapes in quick succession.
type topicCache struct {
	read func(context.Context) ([]store.TopicStats, error)
	now  func() time.Time

	mu     sync.Mutex
	readAt time.Time
	last   []store.TopicStats
	ranks  ranking
}

// rows returns the totals by label. It holds the lock while it reads the store,
// at most until the timeout of ctx, because concurrent scrapes need the same result.
func (c *topicCache) rows(ctx context.Context) ([]store.TopicStats, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.readAt.IsZero() && c.now().Sub(c.readAt) < topicsMaxAge {
		return c.last, nil
	}
	topics, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	c.readAt, c.last = c.now(), c.ranks.of(topics)
	return c.last, nil
}

// counts are the totals of one label.
type counts struct{ unique, duplicates int64 }

func (c counts) add(unique, duplicates int64) counts {
	return counts{c.unique + unique, c.duplicates + duplicates}
}

// ranking reduces the totals of all topics to at most topTopics+1 labels. The
// labels are counters: Prometheus takes a lower value as a restart and counts all
// of it again, and takes a jump as a burst. So if a topic gains or loses its own
// label, its earlier events stay in the label that counted them. The total of
// "other" is exact until that happens; its rate is always exact.
type ranking struct {
	named map[string]counts // totals of the topics with a label at the last read
	sum   counts            // total of all topics at the last read
	other counts            // reported total of the label other
}

// of ranks totals in the order of the store: busiest topic first.
func (r *ranking) of(topics []store.TopicStats) []store.TopicStats {
	var sum, rest, grown counts
	named := make(map[string]counts, topTopics)
	rows := make([]store.TopicStats, 0, topTopics+1)
	for _, topic := range topics {
		sum = sum.add(topic.Stored, topic.Duplicates)
		if before, found := r.named[topic.Topic]; found {
			grown = grown.add(topic.Stored-before.unique, topic.Duplicates-before.duplicates)
		}
		if len(rows) == topTopics || topic.Topic == otherTopics || !utf8.ValidString(topic.Topic) {
			rest = rest.add(topic.Stored, topic.Duplicates)
			continue
		}
		named[topic.Topic] = counts{topic.Stored, topic.Duplicates}
		rows = append(rows, store.TopicStats{Topic: topic.Topic, Stored: topic.Stored, Duplicates: topic.Duplicates})
	}
	more := sum.add(-r.sum.unique-grown.unique, -r.sum.duplicates-grown.duplicates) // growth of topics without a label at the last read
	if r.named == nil || more.unique < 0 || more.duplicates < 0 {
		r.other = rest // the first read, or a restored database
	} else {
		r.other = r.other.add(more.unique, more.duplicates)
	}
	r.named, r.sum = named, sum
	slices.SortFunc(rows, func(a, b store.TopicStats) int { return cmp.Compare(a.Topic, b.Topic) })
	return append(rows, store.TopicStats{Topic: otherTopics, Stored: r.other.unique, Duplicates: r.other.duplicates})
}
