package query

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// Stats handles GET /stats.
func (h *Handler) Stats(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	totals, err := h.options.Store.Stats(ctx)
	if err != nil {
		return err
	}
	const digits = 1000 // whole milliseconds
	body := api.Stats{
		Received: totals.Received, Stored: totals.Stored, Duplicates: totals.Duplicates, Topics: totals.Topics,
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

// TopicStats handles GET /stats/topics: a row per topic.
func (h *Handler) TopicStats(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	topics, err := h.options.Store.TopicStats(ctx)
	if err != nil {
		return err
	}
	rows := make([]api.TopicStats, len(topics)) // not nil: without topics the JSON is [], not null
	for i, topic := range topics {
		rows[i] = api.TopicStats{
			Topic: topic.Topic, Stored: topic.Stored, Duplicates: topic.Duplicates,
			FirstSeen: topic.FirstSeen.UTC(), LastSeen: topic.LastSeen.UTC(),
		}
	}
	return respond.JSON(c, http.StatusOK, rows)
}
