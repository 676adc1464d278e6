package query

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// Stats handles GET /stats.
func (h *Handler) Stats(c echo.Context) error {
	if err := needAllTopics(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	totals, err := h.options.Store.Stats(ctx)
	if err != nil {
		return err
	}
	const digits = 1000 // whole milliseconds
	body := api.Stats{
		Received: totals.Received, Stored: totals.Stored, Duplicates: totals.Duplicates, Conflicts: totals.Conflicts,
		Kept: totals.Kept, Topics: totals.Topics,
		UptimeSeconds: math.Round(h.options.Now().Sub(h.started).Seconds()*digits) / digits,
	}
	if size, ok := h.queueSize(ctx); ok {
		body.Queued, body.DeadLetters = &size.Events, &size.DeadLetters
	}
	return respond.JSON(c, http.StatusOK, body)
}

// queueSize returns the size of the queue, if there is one. The totals of the
// store must not wait for an unavailable queue.
func (h *Handler) queueSize(ctx context.Context) (queue.Size, bool) {
	if h.options.Queue == nil {
		return queue.Size{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	size, err := h.options.Queue.Size(ctx)
	return size, err == nil
}

// TopicStats handles GET /stats/topics: a page of rows per topic, busiest first.
func (h *Handler) TopicStats(c echo.Context) error {
	query, err := parseTopicsQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	id := respond.Identity(c)
	if query.Topic == "" {
		query.Topic = id.OnlyTopic()
	}
	if query.Topic != "" && !id.MayUse(query.Topic) {
		return respond.TopicForbidden("The API key may not read this topic.")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	limit := query.Limit
	query.Limit++ // one more row shows whether there is a next page
	var topics []store.TopicStats
	err = h.topics.read(ctx, respond.Client(c), func() (err error) {
		topics, err = h.topicsOf(ctx, id, query)
		return err
	})
	if err != nil {
		return err
	}
	if len(topics) > limit {
		topics = topics[:limit]
		c.Response().Header().Set("Link", topicsLink(topics[limit-1], limit))
	}
	rows := make([]api.TopicStats, 0, len(topics)) // not nil: without topics the JSON is [], not null
	for _, topic := range topics {
		rows = append(rows, api.TopicStats{
			Topic: topic.Topic, Stored: topic.Stored, Duplicates: topic.Duplicates, Conflicts: topic.Conflicts,
			FirstSeen: topic.FirstSeen.UTC(), LastSeen: topic.LastSeen.UTC(),
		})
	}
	return h.sendJSON(c, rows)
}

// parseTopicsQuery reads a query string as [parseEventsQuery] does.
func parseTopicsQuery(raw string) (store.TopicQuery, error) {
	p, err := newParams(raw)
	if err != nil {
		return store.TopicQuery{}, err
	}
	query := store.TopicQuery{Limit: defaultTopics}
	p.checkNames("topic", "limit", "cursor")
	p.read("topic", func(text string) error { query.Topic = text; return nil })
	p.read("limit", func(text string) (err error) { query.Limit, err = parseLimit(text); return err })
	p.read("cursor", func(text string) error {
		cursor, err := api.ParseTopicCursor(text)
		if err != nil || len(textErrors(event.Event{Topic: cursor.Topic}, "topic")) > 0 {
			return errCursor
		}
		query.After = store.TopicStats{Topic: cursor.Topic, Stored: cursor.Received}
		return nil
	})
	p.checkFilter(store.Filter{Topic: query.Topic})
	return query, p.err()
}

// topicsLink is the link to the page after a row.
func topicsLink(last store.TopicStats, limit int) string {
	cursor := api.TopicCursor{Received: last.Stored + last.Duplicates, Topic: last.Topic}
	return "<?cursor=" + cursor.String() + "&limit=" + strconv.Itoa(limit) + `>; rel="next"`
}
