package query

import (
	"context"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// boundTopic limits a read of events to what the key of the request may use. If the key
// has exactly one topic, that is the default; with several, the request must name one.
func boundTopic(id *auth.Identity, topic *string) error {
	if *topic == "" && id.Bounded() {
		*topic = id.OnlyTopic()
	}
	switch {
	case *topic == "" && id.Bounded():
		return respond.TopicForbidden("The API key may read only some topics; name one of them with ?topic=.")
	case *topic != "" && !id.MayUse(*topic):
		return respond.TopicForbidden("The API key may not read events of this topic.")
	default:
		return nil
	}
}

// needAllTopics refuses what is about all topics together.
func needAllTopics(c echo.Context) error {
	if respond.Identity(c).Bounded() {
		return respond.TopicForbidden("The API key may read only some topics, and this is about all of them; /stats/topics has those of the key.")
	}
	return nil
}

// topicsOf reads the topics that the key of a request may use. It leaves out the others
// before the page is cut, because the link to the next page contains the name of the last
// topic. The work for one request is at most one read of all topics, which
// ingest.max_topics bounds.
func (h *Handler) topicsOf(ctx context.Context, id *auth.Identity, query store.TopicQuery) ([]store.TopicStats, error) {
	if !id.Bounded() || query.Topic != "" {
		return h.options.Store.TopicStats(ctx, query)
	}
	wanted := query.Limit
	query.Limit = maxLimit
	var found []store.TopicStats
	for {
		topics, err := h.options.Store.TopicStats(ctx, query)
		if err != nil {
			return nil, err
		}
		last := len(topics) < query.Limit
		if !last {
			query.After = topics[len(topics)-1]
		}
		found = append(found, slices.DeleteFunc(topics, func(t store.TopicStats) bool { return !id.MayUse(t.Topic) })...)
		if last || len(found) >= wanted {
			return found[:min(len(found), wanted)], nil
		}
	}
}
