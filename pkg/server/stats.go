package server

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/queue"
)

// stats answers the totals.
func (s *Server) stats(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	totals, err := s.options.Store.Stats(ctx)
	if err != nil {
		return err
	}
	const digits = 1000 // whole milliseconds
	answer := api.Stats{
		Received: totals.Received, Stored: totals.Stored, Duplicates: totals.Duplicates, Topics: totals.Topics,
		UptimeSeconds: math.Round(s.options.Now().Sub(s.started).Seconds()*digits) / digits,
	}
	if size, ok := s.queueSize(ctx); ok {
		answer.Queued, answer.DeadLetters = &size.Events, &size.DeadLetters
	}
	return s.writeJSON(c, http.StatusOK, answer)
}

// queueSize asks the queue, where there is one. The totals of the store must
// not wait for a queue that is away.
func (s *Server) queueSize(ctx context.Context) (queue.Size, bool) {
	if s.options.Queue == nil {
		return queue.Size{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	size, err := s.options.Queue.Size(ctx)
	return size, err == nil
}

// topicStats answers a row per topic.
func (s *Server) topicStats(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readTimeout)
	defer cancel()
	topics, err := s.options.Store.TopicStats(ctx)
	if err != nil {
		return err
	}
	rows := make([]api.TopicStats, len(topics)) // not nil: no topics are [], not null
	for i, topic := range topics {
		rows[i] = api.TopicStats{
			Topic: topic.Topic, Stored: topic.Stored, Duplicates: topic.Duplicates,
			FirstSeen: topic.FirstSeen.UTC(), LastSeen: topic.LastSeen.UTC(),
		}
	}
	return s.writeJSON(c, http.StatusOK, rows)
}

// writeJSON sends a value that is small or rarely asked for.
func (s *Server) writeJSON(c echo.Context, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.write(c, status, s.headers.json, append(body, '\n'))
}
