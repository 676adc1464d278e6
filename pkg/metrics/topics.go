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
	// readTopics is the number of the busiest topics that are read. It is more than
	// topTopics, because a topic that loses its label is still needed once.
	readTopics = 200
	// otherTopics is the label of all other topics, and of a topic with that name.
	otherTopics = "other"
	// topicsMaxAge is how long scrapes use the totals of one read.
	topicsMaxAge = 5 * time.Second
)

// WatchTopics reads the totals of the busiest topics at a scrape.
func (m *Metrics) WatchTopics(reader store.StatsReader) {
	total := describe("eventagg_topic_events_total",
		"Events in the database by topic and outcome, all instances. The 20 busiest topics have their own label, the label other sums the rest.", "topic", "outcome")
	cache := &topicCache{reader: reader, now: m.now}
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
	reader store.StatsReader
	now    func() time.Time

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
	topics, err := c.reader.TopicStats(ctx, store.TopicQuery{Limit: readTopics})
	if err != nil {
		return nil, err
	}
	totals, err := c.reader.Stats(ctx) // after the topics, so that it includes all of them
	if err != nil {
		return nil, err
	}
	c.readAt, c.last = c.now(), c.ranks.of(topics, counts{totals.Stored, totals.Duplicates})
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
//
// The topics and the total come from two reads. What is stored between them counts
// as other at first, so the calculated total of other may be lower at the next
// read. The reported one then stays, because it must not fall.
type ranking struct {
	named map[string]counts // totals of the topics with a label at the last read
	sum   counts            // total of all topics at the last read
	other counts            // calculated total of the label other
	shown counts            // reported total of the label other
}

// of ranks the busiest topics, in the order of the store. sum is the total of all
// topics.
func (r *ranking) of(topics []store.TopicStats, sum counts) []store.TopicStats {
	var grown counts
	rest := sum
	named := make(map[string]counts, topTopics)
	rows := make([]store.TopicStats, 0, topTopics+1)
	for _, topic := range topics {
		if before, found := r.named[topic.Topic]; found {
			grown = grown.add(topic.Stored-before.unique, topic.Duplicates-before.duplicates)
		}
		if len(rows) == topTopics || topic.Topic == otherTopics || !utf8.ValidString(topic.Topic) {
			continue
		}
		rest = rest.add(-topic.Stored, -topic.Duplicates)
		named[topic.Topic] = counts{topic.Stored, topic.Duplicates}
		rows = append(rows, store.TopicStats{Topic: topic.Topic, Stored: topic.Stored, Duplicates: topic.Duplicates})
	}
	more := sum.add(-r.sum.unique-grown.unique, -r.sum.duplicates-grown.duplicates) // growth of topics without a label at the last read
	if r.named == nil || sum.unique < r.sum.unique || sum.duplicates < r.sum.duplicates {
		r.other, r.shown = rest, counts{} // the first read, or a restored database
	} else {
		r.other = r.other.add(more.unique, more.duplicates)
	}
	r.shown = counts{max(r.shown.unique, r.other.unique), max(r.shown.duplicates, r.other.duplicates)}
	r.named, r.sum = named, sum
	slices.SortFunc(rows, func(a, b store.TopicStats) int { return cmp.Compare(a.Topic, b.Topic) })
	return append(rows, store.TopicStats{Topic: otherTopics, Stored: r.shown.unique, Duplicates: r.shown.duplicates})
}
